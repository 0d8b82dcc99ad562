import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;
let room: string;
/** How many messages the room has. */
let count = 0;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  ann = await Person.open(browser, 'Ann');
  bo = await Person.open(browser, 'Bo');
  await ann.setUp(server);
  room = ann.room;
  await ann.newChannel('lunch');
  await bo.accept(await ann.invite());
  await write(10);
  await bo.goTo('general');
  await bo.hears('line 10');
  await expect(bo.page).not.toHaveTitle(/^\(/);
});

test.afterAll(async () => {
  await server?.remove();
});

async function write(more: number) {
  const texts = Array.from({ length: more }, (_, at) => `line ${count + at + 1}`);
  await ann.posts(server, room, texts);
  count += more;
}

/** Where Bo has read up to, as the page shows it of a room that is not open. */
async function expectUnread(unread: number) {
  const name = unread === 0 ? 'general' : `general ${unread} unread message${unread === 1 ? '' : 's'}`;
  await expect(bo.channel('general')).toHaveAccessibleName(name);
}

/** As if somebody looked at another window. */
const look = (what: 'focus' | 'blur') => bo.page.evaluate((type) => dispatchEvent(new Event(type)), what);

/** What the server told in the room before anything was said: that Bo came. It has a number, and is nothing to be read. */
const TOLD = 1;
let readUpTo = 0;

test('a room opens at its first unread message, though the end is far away', async () => {
  await bo.goTo('lunch');
  await write(80);
  await expectUnread(80);
  await bo.goTo('general');
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.row(10), 'a little of what was read before').toBeInViewport();
  await expect(bo.row(11)).toBeInViewport({ ratio: 1 });
  await expect(bo.row(90)).not.toBeInViewport();
  expect(await bo.numbers()).toContain(30);
  readUpTo = (await bo.inSight()).at(-1) ?? 0;
  expect(readUpTo).toBeLessThan(60);
  await expect(bo.pill).toHaveText(`Jump to present (${count + TOLD - readUpTo} new)`);
});

test('only what was in sight is read', async () => {
  await bo.goTo('lunch');
  await expectUnread(count + TOLD - readUpTo);
  await bo.page.reload();
  await expect(bo.page.getByRole('heading', { name: 'lunch' })).toBeVisible();
  await expectUnread(count + TOLD - readUpTo);
});

test('it opens again where one stopped reading', async () => {
  await bo.goTo('general');
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.row(readUpTo)).toBeInViewport();
  await expect(bo.row(readUpTo + 1)).toBeInViewport({ ratio: 1 });
  readUpTo = (await bo.inSight()).at(-1) ?? 0;
});

test('a reload in the middle of what is unread begins there, too', async () => {
  await bo.page.reload();
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.row(readUpTo + 1)).toBeInViewport({ ratio: 1 });
  expect(await bo.numbers()).not.toContain(1);
});

test('a link to a message elsewhere does not make the rest read', async () => {
  readUpTo = (await bo.inSight()).at(-1) ?? 0;
  await bo.page.goto(`${server.url}/r/${room}/3`);
  await expect(bo.row(3)).toBeInViewport();
  await bo.goTo('lunch');
  await expectUnread(count + TOLD - readUpTo);
});

test('the pill leads to the present, where everything is read', async () => {
  await bo.goTo('general');
  await expect(bo.newLine).toBeInViewport();
  await bo.pill.click();
  await expect(bo.said(`line ${count}`)).toBeInViewport();
  await expect(bo.pill).toBeHidden();
  await bo.goTo('lunch');
  await expectUnread(0);
});

test('a few new messages are all in sight, below their line', async () => {
  await write(3);
  await expectUnread(3);
  await bo.goTo('general');
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.said(`line ${count}`)).toBeInViewport();
  await expect(bo.pill).toBeHidden();
  await expect(bo.page).not.toHaveTitle(/^\(/);
});

test('what comes while one looks elsewhere is not read, and its beginning stays in sight', async () => {
  await look('blur');
  const seen = count + TOLD;
  await write(60);
  await expect(bo.page).toHaveTitle(/^\(60\)/);
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.row(seen + 1)).toBeInViewport({ ratio: 1 });
  await expect(bo.pill).toHaveText('Jump to present (60 new)');

  await look('focus');
  const last = (await bo.inSight()).at(-1) ?? 0;
  expect(last).toBeGreaterThan(seen);
  await expect(bo.pill).toHaveText(`Jump to present (${count + TOLD - last} new)`);
  await bo.composer.press('End');
  await expect(bo.page).not.toHaveTitle(/^\(/);
});

test('what one makes unread again does not count one`s own words', async () => {
  await write(1);
  await bo.hears(`line ${count}`);
  await bo.say('my own answer');
  await bo.hasSent('my own answer');
  count += 1;
  await write(1);
  await bo.hears(`line ${count}`);
  await expect(bo.page).not.toHaveTitle(/^\(/);
  await bo.said(`line ${count - 2}`).focus();
  await bo.page.keyboard.press('u');
  await expect(bo.page).toHaveTitle(/^\(2\)/);
  await bo.goTo('lunch');
  await expectUnread(2);
  await bo.goTo('general');
  await expect(bo.page).not.toHaveTitle(/^\(/);
});

test('a hidden page reads nothing', async () => {
  const hide = (state: string) =>
    bo.page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await hide('hidden');
  await write(2);
  await expect(bo.page).toHaveTitle(/^\(2\)/);
  await hide('visible');
  await expect(bo.page).not.toHaveTitle(/^\(/);
  expect(bo.complaints).toEqual([]);
});
