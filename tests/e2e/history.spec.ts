import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

/** More than the page holds at a time, so that both ends are cut. */
const MESSAGES = 420;
const MOST_ROWS = 300;
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `line ${from + at}`);

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;
let room: string;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  ann = await Person.open(browser, 'Ann', { reducedMotion: 'reduce' });
  bo = await Person.open(browser, 'Bo', { reducedMotion: 'reduce' });
  await ann.setUp(server);
  room = ann.room;
  await bo.accept(await ann.invite());
});

test.afterAll(async () => {
  await server?.remove();
});

const topOf = (person: Person, seq: number) => person.row(seq).evaluate((row) => row.getBoundingClientRect().top);

/** Scrolls a row to the middle of the screen and answers, in the same breath, where it is: nothing can come between. */
const show = (person: Person, seq: number) =>
  person.row(seq).evaluate((row) => {
    row.scrollIntoView({ block: 'center' });
    return row.getBoundingClientRect().top;
  });

test('older pages come by themselves, and the place one reads stays', async () => {
  test.setTimeout(120_000);
  const { page } = ann;
  await ann.posts(server, room, lines(1, MESSAGES));
  await page.reload();
  await ann.hears(`line ${MESSAGES}`);
  await expect(ann.said(`line ${MESSAGES}`)).toBeInViewport();

  let [first = 0] = await ann.numbers();
  while (first > 1) {
    const before = first;
    const place = await show(ann, before + 5);
    await expect.poll(async () => (await ann.numbers())[0]).toBeLessThan(before);
    expect(Math.abs((await topOf(ann, before + 5)) - place), `older than ${before}`).toBeLessThan(2);
    expect(await ann.rows.count()).toBeLessThanOrEqual(MOST_ROWS);
    [first = 0] = await ann.numbers();
  }
  await expect(page.getByText('This is where general begins.')).toBeAttached();
  expect((await ann.numbers()).at(-1), 'the far end was cut').toBeLessThan(MESSAGES);
});

test('what others write meanwhile does not move the reader, is kept out, and is counted', async () => {
  const place = await topOf(ann, 1);
  await bo.posts(server, room, ['something new']);
  await expect(ann.pill).toHaveText('Jump to present (1 new)');
  expect(Math.abs((await topOf(ann, 1)) - place)).toBeLessThan(2);
  expect((await ann.numbers()).at(-1)).toBeLessThan(MESSAGES);
});

test('newer pages come by themselves on the way back, up to what was written meanwhile', async () => {
  test.setTimeout(120_000);
  let last = (await ann.numbers()).at(-1) ?? 0;
  while (last <= MESSAGES) {
    const before = last;
    const place = await show(ann, before - 5);
    await expect.poll(async () => (await ann.numbers()).at(-1)).toBeGreaterThan(before);
    expect(Math.abs((await topOf(ann, before - 5)) - place), `newer than ${before}`).toBeLessThan(2);
    expect(await ann.rows.count()).toBeLessThanOrEqual(MOST_ROWS);
    last = (await ann.numbers()).at(-1) ?? 0;
  }
  expect((await ann.numbers())[0], 'the far end was cut').toBeGreaterThan(1);
  await show(ann, last);
  await expect(ann.said('something new')).toBeInViewport();
  await expect(ann.pill).toBeHidden();

  // Now that it reaches the present, it follows it.
  await bo.posts(server, room, ['something newer']);
  await expect(ann.said('something newer')).toBeInViewport();
  expect(await ann.rows.count()).toBeLessThanOrEqual(MOST_ROWS);
});

for (const [how, go] of Object.entries({
  'the pill': () => ann.pill.click(),
  'End in the timeline': async () => {
    await ann.row((await ann.inSight())[0] ?? 0).focus();
    await ann.page.keyboard.press('End');
  },
  'End in an empty composer': () => ann.composer.press('End'),
  'posting': () => ann.say('here I am'),
})) {
  test(`${how} leads to the present from far away`, async () => {
    await ann.page.goto(`${server.url}/r/${room}/12`);
    await expect(ann.said('line 12')).toBeInViewport();
    await expect(ann.pill).toBeVisible();
    await go();
    const last = how === 'posting' ? 'here I am' : 'something newer';
    await expect(ann.said(last)).toBeInViewport();
    await expect(ann.pill).toBeHidden();
    expect((await ann.numbers())[0]).toBeGreaterThan(300);
  });
}

test('End in a text of one`s own belongs to the text', async () => {
  await ann.page.goto(`${server.url}/r/${room}/12`);
  await expect(ann.said('line 12')).toBeInViewport();
  await ann.composer.fill('half a thought');
  await ann.composer.press('Home');
  await ann.composer.press('End');
  await ann.composer.press('!');
  await expect(ann.composer).toHaveValue('half a thought!');
  await expect(ann.said('line 12')).toBeInViewport();
  expect(ann.complaints).toEqual([]);
});
