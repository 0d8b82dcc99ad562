import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async () => {
  await server?.remove();
});

async function isAccessible(page: Page, where: string, isFirstLook = true) {
  // Half of a fade is no state that anybody reads.
  await page.waitForTimeout(200);
  const axe = new AxeBuilder({ page });
  // Another look changes nothing but colours.
  const { violations } = await (isFirstLook ? axe : axe.withRules(['color-contrast', 'link-in-text-block'])).analyze();
  const told = violations.map(({ id, nodes }) => `${where}: ${id} ${nodes.map((node) => node.html).join('\n')}`);
  expect(told).toEqual([]);
}

async function inBothThemes(page: Page, where: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await isAccessible(page, `${where}, ${colorScheme}`, colorScheme === 'light');
  }
}

async function doesNotScrollSideways(page: Page) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
}

test('each page is accessible in both themes, and fits a phone', async ({ browser }) => {
  test.setTimeout(120_000);
  const ann = await Person.open(browser, 'Ann');
  const { page } = ann;
  await page.goto(server.setUpLink);
  await page.locator('form').waitFor();
  await inBothThemes(page, 'set-up');
  await page.goto('about:blank');
  await ann.setUp(server);

  await ann.say('**First** message with `code` and https://example.org');
  const row = page.locator('[data-seq]').first();
  await ann.act(row, 'React with 👍');
  await ann.act(row, 'Reply');
  await inBothThemes(page, 'reply in the composer');
  await ann.say('A reply');
  await ann.hasSent('A reply');
  await inBothThemes(page, 'room');
  await row.hover();
  await inBothThemes(page, 'message under the pointer');
  await ann.act(row, 'More');
  await inBothThemes(page, 'message menu');
  await page.keyboard.press('Escape');
  await ann.act(row, 'React');
  await page.getByLabel('Search emoji').waitFor();
  await inBothThemes(page, 'emoji picker');
  await page.keyboard.press('Escape');
  await ann.act(row, 'Edit');
  await inBothThemes(page, 'edit');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /: menu/ }).click();
  await inBothThemes(page, 'guild menu');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Ann: you' }).click();
  await page.getByRole('radio', { name: 'Dark' }).waitFor();
  await inBothThemes(page, 'own menu');
  await page.getByRole('button', { name: 'Your profile' }).click();
  await page.getByRole('dialog', { name: 'Profile of Ann' }).waitFor();
  await inBothThemes(page, 'profile card');
  await page.keyboard.press('Escape');
  const link = await ann.invite();
  await page.getByRole('button', { name: 'New channel' }).first().click();
  await inBothThemes(page, 'new channel');
  await page.keyboard.press('Escape');

  await page.setViewportSize({ width: 360, height: 740 });
  await isAccessible(page, 'room on a phone');
  await doesNotScrollSideways(page);
  await page.getByRole('link', { name: 'Back to channels' }).click();
  await isAccessible(page, 'channels on a phone');
  await doesNotScrollSideways(page);

  const bo = await Person.open(browser, 'Bo');
  await bo.page.goto(link);
  await bo.page.locator('form').waitFor();
  await inBothThemes(bo.page, 'invite');
  await bo.page.goto(`${server.url}/sign-in`);
  await bo.page.locator('form').waitFor();
  await inBothThemes(bo.page, 'sign-in');
  await bo.page.goto(`${server.url}/invite/NOSUCHCODE`);
  await bo.page.getByText('no longer valid').waitFor();
  await inBothThemes(bo.page, 'invite that is gone');
  expect(ann.complaints).toEqual([]);
});

test('each list and panel is accessible in both themes', async ({ browser }) => {
  test.setTimeout(180_000);
  const ann = await Person.open(browser, 'Ann');
  const { page } = ann;
  await ann.signIn(server);
  await page.getByRole('link', { name: 'Direct messages' }).click();
  await page.getByText('Nobody has written to you yet').waitFor();
  await inBothThemes(page, 'no conversations');
  await page.getByRole('button', { name: 'New message' }).first().click();
  await page.getByLabel('Find people').waitFor();
  await inBothThemes(page, 'new conversation');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Inbox' }).click();
  await page.getByText('Nothing here yet').waitFor();
  await inBothThemes(page, 'empty inbox');
  await page.getByRole('link', { name: 'Threads', exact: true }).click();
  await page.getByText('You follow no thread yet.').waitFor();
  await inBothThemes(page, 'no threads');
  await page.getByRole('link', { name: 'Hanok' }).click();
  await ann.composer.waitFor();
  await ann.composer.pressSequentially('@');
  await page.getByRole('option').first().waitFor();
  await inBothThemes(page, 'suggestions');
  await page.keyboard.press('Escape');
  await ann.composer.fill('');
  await ann.say('@everyone, also @here');
  await ann.page.locator('[data-seq]').last().getByText('@everyone').waitFor();
  await inBothThemes(page, 'mentions');
  await ann.say('Something to pin');
  await ann.hasSent('Something to pin');
  await ann.act(page.locator('[data-seq]').last(), 'Reply in thread');
  await page.getByText('The first reply begins the thread.').waitFor();
  await inBothThemes(page, 'thread that has not begun');
  await page.getByRole('textbox', { name: 'Message Thread' }).fill('First reply');
  await page.getByRole('textbox', { name: 'Message Thread' }).press('Enter');
  await page.getByRole('complementary').locator('[data-seq]').waitFor();
  await inBothThemes(page, 'thread');
  await page.getByRole('link', { name: 'Pinned messages' }).click();
  await page.getByText('Nothing is pinned here').waitFor();
  await inBothThemes(page, 'no pins');
  await page.getByRole('link', { name: 'Close panel' }).click();
  await ann.act(page.locator('[data-seq]').last(), 'More');
  await page.getByRole('button', { name: 'Pin', exact: true }).click();
  await page.getByText('pinned a message').waitFor();
  await inBothThemes(page, 'pinned message');
  await page.getByRole('link', { name: 'Pinned messages' }).click();
  await page.getByRole('button', { name: 'Unpin' }).waitFor();
  await inBothThemes(page, 'pins');
  await page.setViewportSize({ width: 360, height: 740 });
  await isAccessible(page, 'pins on a phone');
  await doesNotScrollSideways(page);
  expect(ann.complaints).toEqual([]);
});

test('everything can be done from the keyboard', async ({ browser }) => {
  const ann = await Person.open(browser, 'Ann');
  const { page } = ann;
  await ann.signIn(server);
  await ann.say('From the keyboard');
  await ann.hasSent('From the keyboard');
  const last = page.locator('[data-seq]').last();
  await last.focus();
  await page.keyboard.press('ArrowUp');
  await expect(page.locator('[data-seq]').nth(-2)).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(last).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(last.getByRole('button', { name: 'React with 👍' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(last.getByRole('button', { name: '👍, 1 reaction' })).toBeVisible();
});

test('the language changes on the spot and stays', async ({ browser }) => {
  const ann = await Person.open(browser, 'Ann');
  const { page } = ann;
  await ann.signIn(server);
  await page.getByRole('button', { name: 'Ann: you' }).click();
  await page.getByRole('radio', { name: '한국어' }).check();
  await expect(page.getByRole('button', { name: '로그아웃' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ko');
  await page.reload();
  await expect(page.getByRole('heading', { name: '채널', exact: true })).toBeVisible();
});
