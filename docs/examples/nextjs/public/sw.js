// The service worker: it keeps the shell of the app (the page, its scripts and its styles), so that a reload works offline.
//
// - Network first: a shell from the cache is only used if there is no answer.
// - It handles the page itself and files under /_next/static/, and nothing else. Requests to the Task API go to another origin,
//   and those under /api/ have tokens and sessions. Neither is ever read from the cache or put there.
// - The page has no data of a user, so one copy serves all users of the browser. The tasks are in IndexedDB.
const CACHE = 'shell-1';
const PAGE = '/';

const isPage = (request, url) => request.mode === 'navigate' && url.pathname === PAGE;
const isPart = (url) => url.pathname.startsWith('/_next/static/') || url.pathname.startsWith('/icon');

// The page was loaded before there was a service worker. So it is loaded again, with the files that it names.
async function keepShell() {
  const cache = await caches.open(CACHE);
  const page = await fetch(PAGE, { cache: 'no-store', credentials: 'omit' });
  if (!page.ok) throw new Error(`The page was answered with status ${page.status}`);
  const html = await page.clone().text();
  const parts = new Set(html.match(/\/_next\/static\/[^"'\\\s<>]+?\.(?:js|css)(?:\?[^"'\\\s<>]*)?/g));
  await Promise.all([...parts].map((part) => cache.add(part)));
  await cache.put(PAGE, page); // at last: a page without its files would not start
  for (const request of await cache.keys()) {
    const { pathname, search } = new URL(request.url);
    if (pathname.startsWith('/_next/') && !parts.has(pathname + search)) await cache.delete(request); // of an older version
  }
}

async function networkFirst(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok && key !== PAGE) await cache.put(key, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(key, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener('install', (event) => event.waitUntil(keepShell().then(() => self.skipWaiting())));
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
// The page asks for this after each start, so that the copy of the shell is that of the running version.
self.addEventListener('message', (event) => event.data === 'keep-shell' && event.waitUntil(keepShell().catch(() => {})));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (isPage(request, url)) event.respondWith(networkFirst(request, PAGE));
  else if (isPart(url)) event.respondWith(networkFirst(request, request.url));
});
