import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;
let tell: (text: string) => Promise<void>;

interface Shown {
  title: string;
  body: string;
}

/** A browser without a desktop shows nothing, so this keeps what a desktop would be told, and what one would hear. */
async function withDesktop(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shown: Shown[] = [];
    const sounds: string[] = [];
    Object.assign(globalThis, { shown, sounds });
    class Desk {
      static permission = 'granted';
      static requestPermission = () => Promise.resolve('granted');
      onclick: (() => void) | null = null;
      constructor(title: string, { body = '' }: NotificationOptions = {}) {
        shown.push({ title, body });
        Object.assign(globalThis, { last: this });
      }
      close() {
        // Nothing is on the screen.
      }
    }
    Object.defineProperty(globalThis, 'Notification', { value: Desk });
    Object.defineProperty(ServiceWorkerContainer.prototype, 'getRegistration', { value: () => Promise.resolve(undefined) });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (this: OscillatorNode, at?: number) {
      sounds.push('note');
      start.call(this, at);
    };
    // Nobody looks, as when another window is in front.
    Object.assign(globalThis, { looks: false });
    document.hasFocus = () => (globalThis as unknown as { looks: boolean }).looks;
  });
}

const shown = (page: Page) => page.evaluate(() => (globalThis as unknown as { shown: Shown[] }).shown);
const sounds = (page: Page) => page.evaluate(() => (globalThis as unknown as { sounds: string[] }).sounds.length);

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  [ann, bo] = (await Person.gather(browser, server, 'Ann', 'Bo')) as [Person, Person];
  await withDesktop(bo.page);
  await bo.page.goto(`${server.url}/settings/notifications`);
  await bo.page.getByRole('group', { name: 'Desktop notifications' }).getByRole('radio', { name: 'On', exact: true }).check();
  await bo.page.getByRole('link', { name: 'Back to messages' }).click();
  await bo.composer.waitFor();
  const me = (await (await bo.page.request.get(`${server.url}/api/v1/me`)).json()) as { user: { id: string } };
  const dm = (await (await ann.page.request.put(`${server.url}/api/v1/dms/${me.user.id}`, { headers: { Origin: server.url }, data: {} })).json()) as { id: string };
  tell = (text) => ann.posts(server, dm.id, [text]);
});

test.afterAll(async () => {
  await server?.remove();
});

test('a direct message is told with a sound, and a click leads to it', async () => {
  await tell('are you **there**');
  await expect.poll(() => shown(bo.page)).toEqual([{ title: 'Ann', body: 'are you there' }]);
  expect(await sounds(bo.page)).toBeGreaterThan(0);
  await bo.page.evaluate(() => (globalThis as unknown as { last: { onclick: () => void } }).last.onclick());
  await expect(bo.page.locator('[data-seq]').filter({ hasText: 'are you there' })).toBeInViewport();
});

test('a mention is told, other words in a channel are not', async () => {
  const me = (await (await bo.page.request.get(`${server.url}/api/v1/me`)).json()) as { user: { id: string } };
  await ann.posts(server, ann.room, ['nothing for you', `<@${me.user.id}> ||the code|| is here`]);
  await expect.poll(async () => (await shown(bo.page)).at(-1)).toEqual({ title: 'Ann · #general', body: '@Bo ▒▒▒ is here' });
  expect((await shown(bo.page)).map(({ body }) => body)).not.toContain('nothing for you');
});

test('two tabs tell once, and not while somebody looks at one of them', async () => {
  const other = await bo.page.context().newPage();
  await withDesktop(other);
  await other.goto(`${server.url}/`);
  await other.getByRole('textbox', { name: /^Message / }).waitFor();
  const count = (await shown(bo.page)).length;
  await tell('to two tabs');
  await expect.poll(async () => (await shown(bo.page)).length + (await shown(other)).length).toBe(count + 1);

  await other.evaluate(() => Object.assign(globalThis, { looks: true }));
  await tell('while somebody looks');
  await other.getByRole('link', { name: 'Direct messages' }).click();
  await other.getByRole('link', { name: /Ann/ }).first().click();
  await expect(other.locator('[data-seq]').filter({ hasText: 'while somebody looks' })).toBeVisible();
  expect((await shown(bo.page)).length + (await shown(other)).length).toBe(count + 1);
  // Read in one tab is read in the other, for the server tells them; the mention elsewhere is still to be read.
  await expect(bo.page).toHaveTitle(/^\(1\) /);
  await other.close();
});

test('nothing is told to somebody who does not want to be disturbed', async () => {
  await bo.page.getByRole('button', { name: 'Bo: you' }).click();
  await bo.page.getByRole('button', { name: 'Do not disturb' }).click();
  await bo.page.keyboard.press('Escape');
  const before = [(await shown(bo.page)).length, await sounds(bo.page)];
  await tell('psst');
  await expect(bo.page.locator('[data-seq]').filter({ hasText: 'psst' })).toBeVisible();
  expect([(await shown(bo.page)).length, await sounds(bo.page)]).toEqual(before);
});

test('title and sign of the tab tell the number of what calls', async () => {
  await bo.page.goto(`${server.url}/settings/profile`);
  await tell('one');
  await tell('two');
  await expect(bo.page).toHaveTitle(/^\(\d+\) /);
  await expect(bo.page.locator('link[rel=icon]')).toHaveAttribute('href', /^data:image\/png/);
  expect(bo.complaints).toEqual([]);
});
