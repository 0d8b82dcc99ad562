import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;

together(['Ann'], async (people, its) => {
  [ann] = people;
  server = its;
  await ann.say('**Bold**, `code`, ||covered||, [a link](https://example.org) and @everyone');
  await ann.posts(server, ann.room, ['> said\n\n- one\n- two\n\n```rust\nlet a = "b"; // c\n```', ...Array.from({ length: 30 }, (_, at) => `line ${at}`)]);
  await ann.hears('line 29');
});

async function choose(group: string, option: string) {
  const { page } = ann;
  await page.goto(`${server.url}/settings/look`);
  await page.getByRole('group', { name: group }).getByRole('radio', { name: option }).check();
  await page.getByRole('link', { name: 'Back to messages' }).click();
  await ann.composer.waitFor();
}

test('high contrast leaves nothing that cannot be read, and is there before the first paint', async () => {
  test.setTimeout(120_000);
  const { page } = ann;
  await choose('Contrast', 'High');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.locator('[data-seq]').last().hover();
    const axe = new AxeBuilder({ page }).options({ runOnly: ['wcag2a', 'wcag2aa', 'wcag2aaa', 'best-practice'], rules: { 'target-size': { enabled: false } } });
    const { violations } = await axe.analyze();
    expect(violations.map(({ id, nodes }) => `${colorScheme}: ${id} ${nodes.map((node) => node.html).join('\n')}`)).toEqual([]);
  }
  await page.reload({ waitUntil: 'commit' });
  await expect(page.locator('html')).toHaveAttribute('data-contrast', 'more');
  await ann.composer.waitFor();
});

test('a compact page shows at least 20 messages of one line, a comfortable one 11 of different people', async () => {
  const { page } = ann;
  await page.setViewportSize({ width: 1280, height: 800 });
  await choose('Density', 'Compact');
  await expect(ann.said('line 29')).toBeInViewport();
  expect((await ann.inSight()).length).toBeGreaterThanOrEqual(20);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height: 800 });
});

test('at twice the size nothing is cut off and nothing scrolls sideways', async () => {
  const { page } = ann;
  // What 1280 x 800 is to the page at 200 %.
  await page.setViewportSize({ width: 640, height: 400 });
  await expect(ann.composer).toBeInViewport();
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeInViewport();
  await page.locator('[data-seq]').last().focus();
  await page.keyboard.press('Enter');
  const menu = page.getByRole('dialog', { name: 'Message actions' });
  await menu.getByRole('button', { name: 'Delete' }).scrollIntoViewIfNeeded();
  await expect(menu.getByRole('button', { name: 'Delete' })).toBeInViewport();
  await page.keyboard.press('Escape');
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

test('what is chosen in one tab is so in the other', async () => {
  const other = await ann.page.context().newPage();
  await other.goto(`${server.url}/settings/look`);
  await other.getByRole('group', { name: 'Density' }).getByRole('radio', { name: 'Comfortable' }).check();
  await expect(ann.page.locator('html')).not.toHaveAttribute('data-density', 'compact');
  await other.getByRole('radio', { name: '한국어' }).check();
  await expect(ann.page.locator('html')).toHaveAttribute('lang', 'ko');
  expect(ann.complaints).toEqual([]);
});
