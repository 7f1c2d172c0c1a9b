import { useEffect } from 'react';

/**
 * Registers the service worker, which lets a reload work offline. Browsers have none without https, except on localhost. `next dev`
 * has none either: its pages load parts that they do not name, and are made anew all the time.
 */
export function useServiceWorker(): void {
  useEffect(() => {
    if (process.env.NODE_ENV !== 'production' || !('serviceWorker' in navigator)) return;
    navigator.serviceWorker.register('/sw.js').then(async () => {
      const { active } = await navigator.serviceWorker.ready;
      active?.postMessage('keep-shell');
    }).catch((error: unknown) => console.warn('The app will not start offline', error));
  }, []);
}
