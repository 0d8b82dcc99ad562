import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';
import { Wire } from './support/wire.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  ann = await Person.open(browser, 'Ann');
  await ann.setUp(server);
});

test.afterAll(async () => {
  await server?.remove();
});

test('the page can be installed', async () => {
  const { page } = ann;
  const href = (await page.locator('link[rel=manifest]').getAttribute('href')) ?? '';
  const answer = await page.request.get(server.url + href);
  expect(answer.headers()['content-type']).toBe('application/manifest+json');
  const manifest = (await answer.json()) as { icons: { src: string; type: string }[]; display: string };
  expect(manifest.display).toBe('standalone');
  for (const { src, type } of manifest.icons) {
    const icon = await page.request.get(server.url + src);
    expect([icon.status(), icon.headers()['content-type']]).toEqual([200, type]);
  }
});

test('without a server the page opens with what was read, says so, and takes nothing', async () => {
  const { page } = ann;
  await ann.say('kept for later');
  await ann.hasSent('kept for later');
  await page.evaluate(() => navigator.serviceWorker.ready);
  // Going out of sight is when it is kept.
  await page.evaluate(() => dispatchEvent(new Event('pagehide')));
  await expect.poll(() => page.evaluate(kept)).toContain(`room ${ann.room}`);
  await server.kill();
  await page.goto(`${server.url}/r/${ann.room}`);
  await ann.hears('kept for later');
  await expect(page.getByText('The server does not answer. What you see was kept by this browser.')).toBeVisible();
  await expect(page.getByText('Writing comes back with it.')).toBeVisible();
  await expect(ann.composer).toHaveCount(0);
  await ann.said('kept for later').hover();
  await expect(page.getByRole('button', { name: 'React', exact: true })).toHaveCount(0);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
});

test('with the connection everything goes on by itself', async () => {
  await server.restart();
  await expect(ann.composer).toBeVisible();
  await ann.say('here again');
  await ann.hasSent('here again');
  expect(await ann.numbers()).toEqual([1, 2]);
});

test('offline, one goes from room to room by what this browser kept, and is told so', async () => {
  const { page } = ann;
  const first = ann.room;
  await ann.newChannel('barn');
  await ann.say('in the barn');
  await ann.hasSent('in the barn');
  await ann.newChannel('cellar');
  await page.evaluate(() => dispatchEvent(new Event('pagehide')));
  await expect.poll(() => page.evaluate(kept)).toContain(`room ${first}`);
  await ann.goTo('barn');
  await ann.hears('in the barn');
  await page.evaluate(() => dispatchEvent(new Event('pagehide')));
  await page.reload();
  await ann.hears('in the barn');
  const dot = page.locator('footer .dot');
  await expect(dot).toHaveClass(/online/);
  await page.context().setOffline(true);
  await expect(dot).toHaveClass(/offline/);
  await ann.goTo('general');
  await ann.hears('kept for later');
  await expect(page.getByText('You are offline. What you see was kept by this browser.')).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.getByText('was kept by this browser')).toHaveCount(0);
  await expect(dot).toHaveClass(/online/);
  await ann.say('back in the room');
  await ann.hasSent('back in the room');
});

test('offline, a room that this browser did not keep says so', async () => {
  const { page } = ann;
  await ann.goTo('barn');
  await ann.hears('in the barn');
  await page.reload();
  await ann.hears('in the barn');
  await page.evaluate(forgetRoom, /\/r\/(\w+)/.exec((await ann.channel('general').getAttribute('href')) ?? '')?.[1] ?? '');
  await page.context().setOffline(true);
  await ann.goTo('general');
  await expect(page.getByText('This browser has kept nothing of this room.')).toBeVisible();
  await page.context().setOffline(false);
  await page.reload();
  await ann.hears('kept for later');
});

test('a new version is offered, and taken when somebody wants it', async ({ browser }) => {
  const wire = await Wire.to(server);
  const again = await Person.open(browser, 'Ann');
  const { page } = again;
  await again.signIn(wire);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await again.composer.fill('half a thought');
  // Another build's worker: not packed, and not known to the browser.
  wire.change(['Accept-Encoding:', 'X-ccept-Encoding:'], ['If-None-Match:', 'X--None-Match:'], ['The build puts in', 'The build put in ']);
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  const offer = page.getByRole('button', { name: 'Reload' });
  await expect(offer).toBeVisible();
  await expect(again.composer).toHaveValue('half a thought');
  await Promise.all([page.waitForEvent('load'), offer.click()]);
  await expect(again.composer).toHaveValue('half a thought');
  await expect(offer).toHaveCount(0);
  expect(again.complaints).toEqual([]);
  await page.context().close();
  wire.remove();
});

test('whoever signs out leaves nothing behind', async () => {
  const { page } = ann;
  await page.getByRole('button', { name: 'Ann: you' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expect.poll(() => page.evaluate(kept)).toEqual([]);
});

/** The names of what this browser keeps. */
function kept(): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('madang', 1);
    request.onerror = () => reject(new Error('there is no database'));
    request.onsuccess = () => {
      const all = request.result.transaction('shelf').objectStore('shelf').getAllKeys();
      all.onsuccess = () => {
        request.result.close();
        resolve(all.result.map(String));
      };
    };
  });
}

/** As if this browser had never kept a room. */
function forgetRoom(room: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('madang', 1);
    request.onerror = () => reject(new Error('there is no database'));
    request.onsuccess = () => {
      const transaction = request.result.transaction('shelf', 'readwrite');
      transaction.objectStore('shelf').delete(`room ${room}`);
      transaction.oncomplete = () => {
        request.result.close();
        resolve();
      };
    };
  });
}
