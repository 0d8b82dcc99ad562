import { readFile } from 'node:fs/promises';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;
let bo: Person;
let cy: Person;
let guild: string;

together(['Ann', 'Bo', 'Cy'], (people, its) => {
  [ann, bo, cy] = people;
  server = its;
  guild = /\/g\/(\w+)/.exec(ann.page.url())?.[1] ?? '';
});

async function isAccessible(page: Page, where: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map(({ id, nodes }) => `${where}, ${colorScheme}: ${id} ${nodes.map((node) => node.html).join('\n')}`);
    expect(told).toEqual([]);
  }
}

async function fitsPhone(page: Page, where: string) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${where} scrolls sideways`).toBeLessThanOrEqual(0);
  await isAccessible(page, `${where} on a phone`);
  if (before !== null) await page.setViewportSize(before);
}

const settings = (section: string) => `${server.url}/g/${guild}/settings/${section}`;
const roleNames = (page: Page) => page.getByRole('list', { name: 'Roles' }).locator('.name').allTextContents();

async function makeRole(page: Page, name: string) {
  await page.getByLabel('New role').fill(name);
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name, exact: true })).toBeVisible();
}

test('roles are made, coloured, and ordered by the keys', async () => {
  const { page } = ann;
  await page.goto(settings('roles'));
  await makeRole(page, 'Guides');
  await page.getByLabel('Colour of the name').first().check();
  await page.locator('input[type=color]').fill('#aa3311');
  await page.getByRole('checkbox', { name: /^Make, change and give lower roles/ }).check();
  await page.getByRole('checkbox', { name: /^Kick members/ }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await makeRole(page, 'Friends');
  await expect.poll(() => roleNames(page)).toEqual(['Administrators', 'Moderators', expect.any(String), expect.any(String), 'All members']);
  // Both stand at the same height at first; then one of them is moved below the other.
  await page.getByRole('button', { name: /^Friends/ }).focus();
  while ((await roleNames(page)).indexOf('Friends') < (await roleNames(page)).indexOf('Guides')) await page.getByRole('button', { name: 'Move down: Friends' }).click();
  await page.getByRole('button', { name: 'Move up: Guides' }).click();
  await expect.poll(() => roleNames(page)).toEqual(['Administrators', 'Guides', 'Moderators', 'Friends', 'All members']);
  await page.getByRole('button', { name: /^Guides/ }).focus();
  await page.keyboard.press('Control+Shift+ArrowDown');
  await expect.poll(() => roleNames(page)).toEqual(['Administrators', 'Moderators', 'Guides', 'Friends', 'All members']);
  await page.reload();
  await expect.poll(() => roleNames(page)).toEqual(['Administrators', 'Moderators', 'Guides', 'Friends', 'All members']);
  await page.getByRole('button', { name: /^Guides/ }).click();
  await isAccessible(page, 'roles');
  await fitsPhone(page, 'roles');
});

test('a member is given a role and a nickname, which the panel shows', async () => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Bo: what you can do' }).click();
  await isAccessible(page, 'member menu');
  await page.getByRole('button', { name: 'Roles', exact: true }).click();
  await page.getByRole('dialog').getByRole('checkbox', { name: 'Guides' }).check();
  await isAccessible(page, 'roles of a member');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: 'Bo' }).getByText('Guides')).toBeVisible();
  await page.getByRole('button', { name: 'Bo: what you can do' }).click();
  await page.getByRole('button', { name: 'Nickname' }).click();
  await page.getByRole('dialog').getByLabel('Nickname').fill('Bodo');
  await page.getByRole('button', { name: 'Save' }).click();
  await cy.page.getByRole('link', { name: 'Members' }).click();
  const panel = cy.page.getByRole('complementary', { name: 'Members' });
  await expect(panel.getByRole('button', { name: /Bodo/ })).toBeVisible();
  await expect(panel.getByRole('listitem').filter({ hasText: /^Guides 1|^Here now/ }).first()).toBeVisible();
  await isAccessible(cy.page, 'panel of members');
  await isAccessible(page, 'members');
  await fitsPhone(page, 'members');
});

test('what one may not do is not there, or says why', async () => {
  const { page } = cy;
  await page.goto(settings('overview'));
  await expect(page.getByText('To change it you need the permission')).toBeVisible();
  await expect(page.getByLabel('Name of the guild')).toBeDisabled();
  for (const name of ['Bans', 'Audit', 'Give away, delete', 'Invites']) await expect(page.getByRole('link', { name })).toHaveCount(0);
  await bo.page.goto(settings('roles'));
  await bo.page.getByRole('button', { name: /^Friends/ }).click();
  await expect(bo.page.getByRole('checkbox', { name: /^Ban members/ })).toBeDisabled();
  await expect(bo.page.getByText('You do not have this permission yourself').first()).toBeVisible();
  await expect(bo.page.getByRole('checkbox', { name: /^Kick members/ })).toBeEnabled();
  await bo.page.getByRole('button', { name: /^Guides/ }).click();
  await expect(bo.page.getByText('It stands at your own height or above')).toBeVisible();
  await bo.page.getByRole('link', { name: 'Members' }).click();
  await expect(bo.page.getByRole('button', { name: 'Ann: what you can do' })).toBeDisabled();
  await isAccessible(bo.page, 'roles that one may not change');
});

test('a guild says what it is about, and where it greets', async () => {
  const { page } = ann;
  await page.goto(settings('overview'));
  await page.getByLabel('Description').fill('A yard for everybody');
  await page.getByLabel('Welcome channel').selectOption('None');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Description')).toHaveValue('A yard for everybody');
  await expect(page.getByLabel('Welcome channel')).toHaveValue('');
  await isAccessible(page, 'guild overview');
  await fitsPhone(page, 'guild overview');
});

test('an invite has an end and a count, is listed with who came by it, and is taken back', async ({ browser }) => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Invites' }).click();
  await page.getByLabel('Works for').selectOption('1 hour');
  await page.getByLabel('How often').selectOption('5 times');
  await page.getByRole('button', { name: 'Make invite' }).click();
  const link = page.getByLabel('Invite link');
  await expect(link).toHaveValue(/\/invite\//);
  await expect(page.getByRole('img', { name: /code for the camera/ })).toBeVisible();
  await expect(page.getByText('This link works only on this machine.')).toBeVisible();
  await isAccessible(page, 'invite');
  const dan = await Person.open(browser, 'Dan');
  await dan.accept(await link.inputValue());
  await page.getByRole('button', { name: 'Close' }).click();
  await page.reload();
  await expect(page.getByText(/used once · 4 left/)).toBeVisible();
  await page.getByText('1 person came').last().click();
  await expect(page.getByRole('listitem').filter({ hasText: 'Dan' }).first()).toBeVisible();
  await isAccessible(page, 'invites');
  await fitsPhone(page, 'invites');
  const entry = page.getByRole('listitem').filter({ hasText: '4 left' });
  await entry.getByRole('button', { name: 'Revoke' }).click();
  await expect(entry).toHaveCount(0);
  await dan.page.context().close();
});

test('the audit says who did what, is filtered, and saved as a table', async () => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Audit' }).click();
  const all = page.getByRole('list', { name: 'Audit' }).getByRole('listitem');
  await expect(all.filter({ hasText: 'Ann changed the role Guides' }).first()).toBeVisible();
  await page.getByLabel('What').selectOption('changed the guild');
  await expect(all).toHaveCount(1);
  await expect(all.first()).toContainText('A yard for everybody');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as table' }).click()]);
  const table = await readFile(await download.path(), 'utf8');
  expect(table).toContain('"guild.changed"');
  expect(table.trim().split('\r\n')).toHaveLength(2);
  await isAccessible(page, 'audit');
  await fitsPhone(page, 'audit');
});

test('somebody is kicked with a reason, and banned with what they wrote', async () => {
  const { page } = ann;
  await cy.page.goto(server.url);
  await cy.say('Spam');
  await cy.hasSent('Spam');
  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Cy: what you can do' }).click();
  await page.getByRole('button', { name: 'Ban', exact: true }).click();
  await page.getByLabel('Reason').fill('Spam');
  await page.getByLabel('Delete what they wrote').selectOption('Of the last day');
  await isAccessible(page, 'ban');
  await page.getByRole('dialog').getByRole('button', { name: 'Ban', exact: true }).click();
  await expect(cy.page.getByRole('link', { name: 'Hanok' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Bans' }).click();
  await expect(page.getByText('by Ann')).toBeVisible();
  await isAccessible(page, 'bans');
  await page.goto(server.url);
  await expect(page.getByText('Message deleted')).toBeVisible();
});

test('administrators see all accounts, and keep somebody out', async () => {
  const { page } = ann;
  await page.getByRole('button', { name: /^Ann: you/ }).click();
  await page.getByRole('link', { name: 'Administration' }).click();
  await page.getByRole('link', { name: 'People', exact: true }).click();
  await expect(page.getByText('4 people')).toBeVisible();
  await page.getByLabel('Find people').fill('dan');
  await page.getByRole('button', { name: 'Dan: what you can do' }).click();
  await page.getByRole('button', { name: 'Deactivate' }).click();
  await isAccessible(page, 'deactivating');
  await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
  await expect(page.getByText(/^deactivated/)).toBeVisible();
  await page.getByRole('button', { name: 'Dan: what you can do' }).click();
  await page.getByRole('button', { name: 'Let in again' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Let in again' }).click();
  await expect(page.getByText(/^deactivated/)).toHaveCount(0);
  await page.getByLabel('Find people').fill('');
  await isAccessible(page, 'accounts');
  await fitsPhone(page, 'accounts');
});

test('who may sign up is changed, and the server tells how it is', async () => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Sign-up' }).click();
  await page.getByRole('radio', { name: /^Nobody/ }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.reload();
  await expect(page.getByRole('radio', { name: /^Nobody/ })).toBeChecked();
  await isAccessible(page, 'sign-up');
  await page.getByRole('link', { name: 'Audit' }).click();
  await expect(page.getByText('Ann changed who may sign up').first()).toBeVisible();
  await page.getByRole('link', { name: 'Health and storage' }).click();
  await expect(page.getByText('The server works and saves what is written.')).toBeVisible();
  await expect(page.getByText('Free on disk')).toBeVisible();
  await isAccessible(page, 'health');
  await fitsPhone(page, 'health');
  await bo.page.goto(`${server.url}/administration/people`);
  await expect(bo.page.getByText('Only administrators of the server see this.')).toBeVisible();
});

test('the first page after the set-up has a link to send, and a code', async () => {
  const { page } = ann;
  await page.goto(`${server.url}/welcome`);
  await expect(page.getByLabel('Invite link')).toHaveValue(/\/invite\//);
  await isAccessible(page, 'welcome');
  await fitsPhone(page, 'welcome');
});

test('a guild is given away, and deleted by its name', async () => {
  await ann.page.goto(settings('end'));
  await ann.page.getByRole('combobox', { name: 'To whom' }).fill('Bo');
  await ann.page.getByRole('option', { name: /Bo/ }).click();
  await isAccessible(ann.page, 'giving away');
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Give guild away' }).click();
  await expect(ann.page.getByText(/owns the guild now/)).toBeVisible();
  const { page } = bo;
  await page.goto(settings('end'));
  await page.getByRole('button', { name: 'Delete guild' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Delete guild' })).toBeDisabled();
  await dialog.getByLabel('Type “Hanok” to go on').fill('Hanok');
  await isAccessible(page, 'deleting');
  await dialog.getByRole('button', { name: 'Delete guild' }).click();
  await expect(page.getByText('Hanok is deleted.')).toBeVisible();
  await expect(ann.page.getByRole('link', { name: 'Hanok' })).toHaveCount(0);
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo, cy]) expect(person.complaints.filter((text) => !/40[134]/.test(text))).toEqual([]);
});
