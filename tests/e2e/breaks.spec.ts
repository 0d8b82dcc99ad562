import { expect, test } from '@playwright/test';
import { Frames } from './support/frames.ts';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';
import { Wire } from './support/wire.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let wire: Wire;
let ann: Person;
/** Bo's browser reaches the server over a line that can be cut. */
let bo: Person;
let frames: Frames;
let room: string;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  wire = await Wire.to(server);
  ann = await Person.open(browser, 'Ann');
  bo = await Person.open(browser, 'Bo');
  frames = new Frames(bo.page);
  await ann.setUp(server);
  room = ann.room;
  await bo.accept((await ann.invite()).replace(server.url, wire.url));
  await ann.say('Hello Bo');
  await bo.hears('Hello Bo');
  // Gone with the page: as long as it is there, nobody has loaded the page again.
  for (const { page } of [ann, bo]) {
    await page.evaluate(() => {
      Object.assign(window, { sameAsEver: true });
    });
  }
});

test.afterAll(async () => {
  wire?.remove();
  await server?.remove();
});

test.afterEach(async () => {
  for (const { page } of [ann, bo]) expect(await page.evaluate(() => 'sameAsEver' in window)).toBe(true);
});

const isCut = (person: Person) => expect(person.page.getByText('Connecting again')).toBeVisible();
const isBack = (person: Person) => expect(person.page.getByText('Connecting again')).toBeHidden();
const waits = (person: Person, text: string) =>
  expect(person.said(text).getByRole('img', { name: 'Waiting to be sent' })).toBeVisible();

/** On both pages once, and the same. */
async function isThereOnce(...texts: string[]) {
  for (const person of [ann, bo]) {
    for (const text of texts) {
      await person.hasSent(text);
      await expect(person.said(text)).toHaveCount(1);
    }
    await person.numbers();
  }
}

test('after a cut what was missed comes by itself, below a line, and nothing is read anew', async () => {
  wire.cut();
  await isCut(bo);
  await ann.say('while Bo was gone');
  await ann.hasSent('while Bo was gone');
  frames.forget();
  wire.mend();
  await isThereOnce('while Bo was gone');
  await expect(bo.newLine).toBeInViewport();
  await isBack(bo);
  expect(frames.hasResumed).toBe(true);
  expect([...frames.asked('open'), ...frames.asked('history')]).toEqual([]);
});

test('after a restart on the same data both go on where they were', async () => {
  await server.kill();
  await isCut(ann);
  await isCut(bo);
  frames.forget();
  await server.restart();
  await isBack(bo);
  await isBack(ann);
  expect(frames.hasResumed).toBe(true);
  await ann.say('after the restart');
  await isThereOnce('while Bo was gone', 'after the restart');
  expect(frames.asked('history')).toEqual([]);
});

test('after more than the server tells again the page reads on from where one was, without a hole', async () => {
  const before = (await bo.numbers()).at(-1) ?? 0;
  wire.cut();
  await isCut(bo);
  await ann.posts(server, room, Array.from({ length: 250 }, (_, at) => `missed ${at + 1}`));
  frames.forget();
  wire.mend();
  await isBack(bo);
  await expect(bo.newLine).toBeInViewport();
  await expect(bo.row(before)).toBeInViewport();
  await expect(bo.said('missed 1')).toBeInViewport();
  expect(frames.heard('reset')).toHaveLength(1);
  await expect(bo.pill).toHaveText('Jump to present (99+ new)');
  expect((await bo.numbers()).at(-1), 'the present is far away').toBeLessThan(before + 250);

  // What is posted now does not follow what is here, and is kept out.
  await ann.say('out of reach');
  await ann.hasSent('out of reach');
  expect(await bo.numbers()).not.toContain(before + 251);
  await bo.pill.click();
  await expect(bo.said('out of reach')).toBeInViewport();
  await isThereOnce('missed 250', 'out of reach');
});

test('what one writes while offline waits, and is sent once and in order', async () => {
  wire.cut();
  await bo.page.context().setOffline(true);
  await bo.say('written offline, first');
  await bo.say('written offline, second');
  await waits(bo, 'written offline, first');
  await waits(bo, 'written offline, second');
  await expect(bo.page.getByText('You are offline')).toBeVisible();
  await expect(ann.said('written offline, first')).toHaveCount(0);
  wire.mend();
  await bo.page.context().setOffline(false);
  await isThereOnce('written offline, first', 'written offline, second');
  await expect(bo.rows.nth(-2)).toContainText('written offline, first');
});

test('what arrived though its answer was lost is not sent twice', async () => {
  wire.deafen();
  await bo.say('said into the void');
  await ann.hears('said into the void');
  wire.cut();
  await isCut(bo);
  await expect(bo.said('said into the void')).toHaveCount(1);
  frames.forget();
  wire.mend();
  await isThereOnce('said into the void');
  await expect.poll(() => frames.received.some((frame) => frame.ok?.['replayed'] === true)).toBe(true);
  await isThereOnce('said into the void');
});

test('a server that goes down says so; the page waits, comes back, and sends what was written meanwhile once', async () => {
  frames.forget();
  await server.stop();
  expect(frames.heard('draining')).toHaveLength(1);
  for (const { page } of [ann, bo]) await expect(page.getByText('The server is restarting')).toBeVisible();
  await bo.say('written during the restart');
  await waits(bo, 'written during the restart');
  await ann.composer.fill('half a thought');
  await server.restart();
  await isThereOnce('written during the restart');
  for (const { page } of [ann, bo]) await expect(page.getByText(/restarting|Connecting/)).toBeHidden();
  expect(frames.hasResumed).toBe(true);
  await expect(ann.composer).toHaveValue('half a thought');
});

for (const [what, times] of Object.entries({ 'Try again': 1, Discard: 0 })) {
  test(`what the server refuses says why, and waits for a decision: ${what}`, async () => {
    const text = `refused, then ${what}`;
    // The server takes no message that waited for days.
    await bo.page.clock.setFixedTime(Date.now() - 72 * 60 * 60_000);
    await bo.say(text);
    const row = bo.said(text);
    await expect(row.getByRole('alert')).toContainText('Not sent. It waited too long.');
    await bo.page.clock.setFixedTime(Date.now());
    await bo.say(`after ${text}`);
    await isThereOnce(`after ${text}`);
    await row.getByRole('button', { name: what }).click();
    await expect(row.getByRole('alert')).toHaveCount(0);
    await expect(bo.said(text)).toHaveCount(times);
    await bo.say(`the end of ${text}`);
    await isThereOnce(`the end of ${text}`);
    await expect(ann.said(text)).toHaveCount(times);
  });
}

test('other data under the same address: the page starts over by itself and loses no draft', async () => {
  const backup = await server.backup();
  await ann.say('newer than the backup');
  await bo.hears('newer than the backup');
  await ann.composer.fill('a draft of Ann`s');
  await server.kill();
  await isCut(bo);
  await bo.say('written between the two');
  await waits(bo, 'written between the two');
  await bo.composer.fill('a draft of Bo`s');
  frames.forget();
  await server.restore(backup);
  await isThereOnce('written between the two');
  for (const person of [ann, bo]) {
    await expect(person.said('newer than the backup')).toHaveCount(0);
    await isBack(person);
    await expect(person.page).not.toHaveTitle(/^\(/);
  }
  expect(frames.hasResumed).toBe(false);
  await expect(ann.composer).toHaveValue('a draft of Ann`s');
  await expect(bo.composer).toHaveValue('a draft of Bo`s');
  await ann.composer.press('Enter');
  await isThereOnce('a draft of Ann`s');
});
