import { useEffect } from 'react';

/** Registers the service worker, which lets a reload work offline. Browsers have none without https, except on localhost. */
export function useServiceWorker(): void {
  useEffect(() => {
    if (!('serviceWorker' in navigator)) return;
    navigator.serviceWorker.register('/sw.js').then(async () => {
      const { active } = await navigator.serviceWorker.ready;
      active?.postMessage('keep-shell');
    }).catch((error: unknown) => console.warn('The app will not start offline', error));
  }, []);
}
