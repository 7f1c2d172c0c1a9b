import { useSyncExternalStore } from 'react';

export type View = 'tasks' | 'trash';

const subscribe = (listener: () => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

/** Returns the view that the address names: `#trash`, or the tasks. So the back button works, and there is one page offline. */
export const useView = (): View =>
  useSyncExternalStore(subscribe, () => (location.hash === '#trash' ? 'trash' : 'tasks'), () => 'tasks');
