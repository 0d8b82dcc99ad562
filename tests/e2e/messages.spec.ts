import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;
let bo: Person;

together(['Ann', 'Bo'], (people, its) => {
  [ann, bo] = people;
  server = its;
});

async function isAccessible({ page }: Person, where: string) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${where}: ${id} ${nodes.map((node) => node.html).join('\n')}`)).toEqual([]);
}

test('programs are coloured without moving, and copied as they are', async () => {
  const code = 'fn main() {\n    let n = 42; // why\n}';
  await ann.say(`\`\`\`rust\n${code}\n\`\`\``);
  const pre = bo.page.locator('[data-seq] pre').last();
  await expect(pre).toHaveText(code);
  await expect(pre.locator('.keyword').first()).toHaveText('fn');
  for (const colorScheme of ['light', 'dark'] as const) {
    await bo.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await isAccessible(bo, `code, ${colorScheme}`);
  }
  await pre.hover();
  await bo.page.getByRole('button', { name: 'Copy code' }).last().click();
  await bo.page.getByText('Copied').waitFor();
  expect(await bo.page.evaluate(() => navigator.clipboard.readText())).toBe(code);
});

test('a spoiler is told to nobody before they ask', async () => {
  await ann.say('It was ||the **gardener**||');
  const row = bo.page.locator('[data-seq]').last();
  const cover = row.getByRole('button', { name: 'Show spoiler' });
  await expect(cover).toBeVisible();
  await expect(cover).toHaveCSS('color', 'rgba(0, 0, 0, 0)');
  const height = (await row.boundingBox())?.height;
  await cover.click();
  await expect(cover).toHaveCount(0);
  await expect(row.getByText('the gardener')).toBeVisible();
  expect((await row.boundingBox())?.height).toBe(height);
});

test('the message with the focus has keys of its own', async () => {
  const { page } = bo;
  const row = page.locator('[data-seq]').last();
  const press = async (key: string) => {
    await row.focus();
    await page.keyboard.press(key);
  };
  await press('r');
  await expect(page.getByText('Replying to Ann')).toBeVisible();
  await expect(bo.composer).toBeFocused();
  await page.keyboard.press('Escape');
  await press('l');
  await page.getByText('Link copied').waitFor();
  await press('Enter');
  const menu = page.getByRole('dialog', { name: 'Message actions' });
  await expect(menu).toBeVisible();
  // Somebody else's message: no key edits it, and no button does.
  await expect(menu.getByRole('button', { name: 'Edit' })).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(row).toBeFocused();
  await press('e');
  await expect(row.getByRole('textbox')).toHaveCount(0);
  await press('f');
  await page.getByLabel('Search emoji').fill('heart');
  await page.keyboard.press('Enter');
  await expect(row.getByRole('button', { name: /1 reaction/ })).toBeVisible();
  await expect(row).toBeFocused();
});

test('who reacted is listed', async () => {
  const row = ann.page.locator('[data-seq]').last();
  await ann.act(row, 'React with 👍');
  await ann.act(row, 'More');
  await ann.page.getByRole('button', { name: 'See who reacted' }).click();
  const dialog = ann.page.getByRole('dialog', { name: 'Reactions' });
  await expect(dialog.getByRole('listitem')).toHaveText(/Bo/);
  await dialog.getByRole('button', { name: '👍, 1 reaction' }).click();
  await expect(dialog.getByRole('listitem')).toHaveText(/Ann/);
  await isAccessible(ann, 'who reacted');
  await ann.page.keyboard.press('Escape');
});

test('a link to a message leads there and shows which one it is', async () => {
  await ann.posts(server, ann.room, Array.from({ length: 80 }, (_, at) => `line ${at}`));
  const link = `${server.url}/r/${bo.room}/2`;
  await bo.page.goto(link);
  await expect(bo.row(2)).toBeInViewport();
  await expect(bo.row(2).locator('.target')).toBeVisible();
});

test('a date leads to its first message', async () => {
  const { page } = bo;
  await page.goto(`${server.url}/r/${bo.room}`);
  await expect(bo.said('line 79')).toBeInViewport();
  await page.locator('[data-seq]').last().focus();
  await page.keyboard.press('j');
  await expect(page.getByLabel('Go to a date', { exact: true }).last()).toBeVisible();
  await isAccessible(bo, 'date');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  // All of it was said today, so today begins with the first message.
  await expect(bo.row(1)).toBeInViewport();
  expect(page.url()).toMatch(/\/1$/);
  await page.goBack();
  await expect(bo.said('line 79')).toBeInViewport();
});

test('the line of a day and the menu of the room lead to a date as well', async () => {
  const { page } = bo;
  const field = page.getByLabel('Go to a date', { exact: true }).last();
  await page.getByRole('log').getByRole('button', { name: 'Today' }).last().click();
  await expect(field).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Channel', exact: true }).click();
  await page.getByRole('button', { name: 'Go to a date' }).click();
  await expect(field).toBeFocused();
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await expect(bo.row(1)).toBeInViewport();
  await page.goBack();
});

test('a moderator deletes several messages at once, and says why', async () => {
  await bo.posts(server, bo.room, ['spam 1', 'spam 2', 'spam 3', 'no spam']);
  await ann.hears('no spam');
  await ann.act(ann.said('spam 1'), 'More');
  await ann.page.getByRole('button', { name: 'Choose several' }).click();
  await expect(ann.page.getByText('1 message chosen')).toBeVisible();
  await ann.said('spam 3').getByRole('checkbox').click({ modifiers: ['Shift'] });
  await expect(ann.page.getByText('3 messages chosen')).toBeVisible();
  await isAccessible(ann, 'choosing messages');
  await ann.page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = ann.page.getByRole('dialog', { name: 'Delete 3 messages?' });
  await dialog.getByLabel('Reason').fill('spam');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(ann.composer).toBeVisible();
  for (const text of ['spam 1', 'spam 2', 'spam 3']) await expect(bo.said(text)).toHaveCount(0);
  await expect(bo.page.getByText('Message deleted')).toHaveCount(3);
  await bo.hears('no spam');
  expect(ann.complaints).toEqual([]);
  expect(bo.complaints).toEqual([]);
});

test('what a message said before is shown to those who may see it', async () => {
  await bo.say('The gate is blue');
  await bo.hasSent('The gate is blue');
  await bo.act(bo.said('The gate is blue'), 'Edit');
  const box = bo.page.getByRole('textbox', { name: 'Edit message' });
  await box.fill('The gate is green');
  await box.press('Enter');
  await ann.said('The gate is green').getByRole('button', { name: 'edited' }).click();
  const dialog = ann.page.getByRole('dialog', { name: 'Earlier versions' });
  await expect(dialog.getByRole('listitem')).toHaveText([/now.*The gate is green/s, /The gate is blue/]);
  await isAccessible(ann, 'earlier versions');
  await ann.page.keyboard.press('Escape');
  await ann.say('mine');
  await ann.hasSent('mine');
  await ann.act(ann.said('mine'), 'Edit');
  const own = ann.page.getByRole('textbox', { name: 'Edit message' });
  await own.fill('mine, mended');
  await own.press('Enter');
  await expect(bo.said('mine, mended').getByText('edited')).toBeVisible();
  await expect(bo.said('mine, mended').getByRole('button', { name: 'edited' })).toHaveCount(0);
});

test('members do not see what only moderators may do', async () => {
  await ann.say('by Ann');
  await bo.act(await bo.hears('by Ann'), 'More');
  const menu = bo.page.getByRole('dialog', { name: 'Message actions' });
  await expect(menu.getByRole('button', { name: 'Copy link' })).toBeVisible();
  for (const name of ['Delete', 'Pin', 'Choose several', 'Edit']) {
    await expect(menu.getByRole('button', { name, exact: true })).toHaveCount(0);
  }
  await bo.page.keyboard.press('Escape');
});

test('the inbox tells which thread a call is in', async () => {
  await ann.say('The roof leaks');
  await ann.hasSent('The roof leaks');
  await ann.act(ann.said('The roof leaks'), 'Reply in thread');
  const inThread = ann.page.getByRole('complementary').getByRole('textbox');
  await inThread.pressSequentially('@Bo');
  await ann.page.getByRole('option', { name: 'Bo', exact: true }).waitFor();
  await inThread.press('Enter');
  await inThread.pressSequentially('can you look');
  await inThread.press('Enter');
  await ann.page.getByRole('complementary').locator('[data-seq]').waitFor();
  await bo.page.getByRole('link', { name: 'Inbox' }).click();
  const entry = bo.page.getByRole('listitem').filter({ hasText: 'can you look' });
  await expect(entry).toContainText('Thread in #general');
  await expect(entry).toContainText('The roof leaks');
  await entry.getByRole('link').click();
  await expect(bo.page.getByRole('complementary')).toContainText('can you look');
});
