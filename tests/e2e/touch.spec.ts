import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';
import { Finger } from './support/touch.ts';

/** Longer than a finger has to rest. */
const RESTED_MS = 700;

let server: Server;
let ann: Person;
let phone: Person;
let finger: Finger;

together(['Ann'], async (people, its, browser) => {
  [ann] = people;
  server = its;
  await ann.posts(server, ann.room, Array.from({ length: 60 }, (_, at) => `line ${at}`));
  await ann.posts(server, ann.room, [`\`\`\`\n${'wide '.repeat(80)}\n\`\`\``]);
  // The same person, with a phone in the hand.
  const state = await ann.page.context().storageState();
  phone = await Person.open(browser, 'Ann', { storageState: state, hasTouch: true, isMobile: true, viewport: { width: 390, height: 780 } });
  await phone.page.addInitScript(() => {
    // A keyboard that covers the page without telling it, as on an iPhone.
    const viewport = Object.assign(new EventTarget(), { height: innerHeight, scale: 1 });
    Object.defineProperty(window, 'visualViewport', { value: viewport });
  });
  await phone.page.goto(ann.page.url());
  await phone.hears('line 59');
  finger = await Finger.on(phone.page);
});

const sheet = () => phone.page.getByRole('dialog', { name: 'Message actions' });
const list = () => phone.page.getByRole('navigation', { name: 'Channels' });
const members = () => phone.page.getByRole('complementary', { name: 'Members' });

test('a finger that comes to a room brings up no keyboard', async () => {
  await expect(phone.composer).toBeVisible();
  await expect(phone.composer).not.toBeFocused();
});

test('a finger that rests on a message brings up what can be done with it, and it stays when the finger goes', async () => {
  await finger.down(phone.said('line 58'));
  await expect(sheet()).toBeVisible();
  await finger.up();
  await phone.page.waitForTimeout(RESTED_MS);
  await expect(sheet()).toBeVisible();
  await sheet().getByRole('button', { name: 'Reply', exact: true }).tap();
  await expect(sheet()).toHaveCount(0);
  await expect(phone.page.getByText('Replying to Ann')).toBeVisible();
  await phone.page.getByRole('button', { name: 'Cancel reply' }).tap();
});

test('a finger that scrolls brings up nothing', async () => {
  const before = await phone.page.getByRole('log').evaluate((log) => log.scrollTop);
  await finger.drag(phone.said('line 55'), 0, 160);
  await phone.page.waitForTimeout(RESTED_MS);
  await expect(sheet()).toHaveCount(0);
  await finger.up();
  expect(await phone.page.getByRole('log').evaluate((log) => log.scrollTop)).toBeLessThan(before);
});

test('a swipe leads from the room to the list, back, and to who is in it', async () => {
  const log = phone.page.getByRole('log');
  await finger.drag(log, 150, 10);
  await finger.up();
  await expect(list()).toBeVisible();
  await expect(log).toHaveCount(0);
  await finger.drag(list(), -100, 0);
  await finger.up();
  await expect(log).toBeVisible();
  await finger.drag(log, -150, 10);
  await finger.up();
  await expect(members()).toBeVisible();
  await finger.drag(members(), 150, -10);
  await finger.up();
  await expect(members()).toHaveCount(0);
  await expect(log).toBeVisible();
  await phone.page.goBack();
  await expect(members()).toBeVisible();
  await phone.page.goForward();
});

test('a finger that moves a program to the side leads nowhere', async () => {
  await phone.pill.or(phone.composer).first().waitFor();
  if (await phone.pill.isVisible()) await phone.pill.tap();
  const code = phone.page.locator('pre').last();
  await expect(code).toBeInViewport();
  await finger.drag(code, -120, 0);
  await finger.up();
  await expect.poll(() => code.evaluate((node) => Math.max(node.scrollLeft, node.parentElement?.scrollLeft ?? 0))).toBeGreaterThan(0);
  await expect(members()).toHaveCount(0);
});

test('a keyboard on the screen does not cover the composer', async () => {
  const { page } = phone;
  await phone.composer.tap();
  await page.evaluate(() => {
    (visualViewport as unknown as { height: number }).height = innerHeight - 300;
    visualViewport?.dispatchEvent(new Event('resize'));
  });
  await expect.poll(async () => ((await phone.composer.boundingBox())?.y ?? 999) + 20).toBeLessThan(480);
  await expect(page.getByRole('log')).toBeInViewport();
  await page.evaluate(() => {
    (visualViewport as unknown as { height: number }).height = innerHeight;
    visualViewport?.dispatchEvent(new Event('resize'));
  });
  await expect.poll(async () => (await phone.composer.boundingBox())?.y ?? 0).toBeGreaterThan(600);
  expect(await page.locator('meta[name=viewport]').getAttribute('content')).toContain('interactive-widget=resizes-content');
});

test('nobody`s browser complained', () => {
  expect(phone.complaints).toEqual([]);
});
