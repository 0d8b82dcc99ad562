// The page's service worker: a shell to open without a connection, the files of this build for tabs that still run it,
// and the desktop's clicks. What the server says is never kept here: the page itself keeps a little of that, and says so.
// The build puts in its number and the names of its files; see vite.config.ts.
const BUILD = '__BUILD__';
const FILES = ['__FILES__'];
const CACHE = `madang-${BUILD}`;
const SHELL = '/';
/** Tabs that were opened before an update go on with the files that they began with. */
const MOST_BUILDS = 2;

self.addEventListener('install', (event) => {
  event.waitUntil(keep());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(Promise.all([forget(), self.clients.claim()]));
});

self.addEventListener('message', (event) => {
  // An update waits until somebody wants it.
  if (event.data === 'take over') void self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (request.mode === 'navigate') {
    if (!/^\/(api|developers|healthz|readyz|metrics)/.test(pathname)) event.respondWith(page(request));
  } else if (pathname.startsWith('/assets/')) event.respondWith(file(request));
  else if (FILES.includes(pathname)) event.respondWith(fetch(request).catch(() => caches.match(request)));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.add(new Request(SHELL, { cache: 'reload' }));
  await Promise.all(FILES.map((name) => keepFile(cache, name)));
}

/** A name in `/assets/` changes with the content: what an older build had need not be loaded again. */
async function keepFile(cache, name) {
  const known = name.startsWith('/assets/') ? await caches.match(name) : undefined;
  await (known === undefined ? cache.add(name) : cache.put(name, known));
}

async function forget() {
  const own = (await caches.keys()).filter((name) => name.startsWith('madang-'));
  const old = own.filter((name) => name !== CACHE).slice(0, -(MOST_BUILDS - 1));
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function page(request) {
  const shell = () => caches.open(CACHE).then((cache) => cache.match(SHELL));
  try {
    const answer = await fetch(request);
    // What stands before a server says this while the server restarts.
    return answer.status >= 502 && answer.status <= 504 ? ((await shell()) ?? answer) : answer;
  } catch (error) {
    const kept = await shell();
    if (kept === undefined) throw error;
    return kept;
  }
}

async function file(request) {
  const kept = await caches.match(request);
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  if (answer.ok) await (await caches.open(CACHE)).put(request, answer.clone());
  return answer;
}

async function lead(path) {
  const tabs = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const tab = tabs[0];
  if (tab === undefined) return self.clients.openWindow(path);
  tab.postMessage({ go: path });
  return tab.focus();
}
