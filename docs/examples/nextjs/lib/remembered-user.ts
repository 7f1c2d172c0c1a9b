// The user of this browser, so that the tasks can be shown while the app is offline. It is no token: it only names the copy.
import type { User } from './auth-client';

const KEY = 'user';

export function rememberedUser(): User | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? 'null') as User | null;
  } catch {
    return null; // for example in a browser that allows no storage
  }
}

export function rememberUser(user: User | null): void {
  try {
    if (user) localStorage.setItem(KEY, JSON.stringify(user));
    else localStorage.removeItem(KEY);
  } catch {
    // the user signs in again after a reload
  }
}

/** Calls a function if another tab signs in or out. Returns a function that ends this. */
export function onOtherTab(listener: () => void): () => void {
  const changed = (event: StorageEvent) => (event.key === KEY || event.key === null) && listener();
  addEventListener('storage', changed);
  return () => removeEventListener('storage', changed);
}
