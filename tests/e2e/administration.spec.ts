import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  [ann, bo] = (await Person.gather(browser, server, 'Ann', 'Bo')) as [Person, Person];
});

test.afterAll(async () => {
  await server?.remove();
});

async function isAccessible(page: Page, where: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map(({ id, nodes }) => `${where}, ${colorScheme}: ${id} ${nodes.map((node) => node.html).join('\n')}`);
    expect(told).toEqual([]);
  }
}

test('the place gets another name, which open pages show at once', async () => {
  const { page } = ann;
  await expect(bo.page).toHaveTitle(/Yard$/);
  await page.goto(`${server.url}/administration`);
  await expect(page.getByLabel('Name of this place')).toHaveValue('Yard');
  await isAccessible(page, 'overview');
  await page.getByLabel('Name of this place').fill('  Wide yard ');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await expect(page).toHaveTitle(/Wide yard$/);
  await expect(bo.page).toHaveTitle(/Wide yard$/);
  await page.getByRole('link', { name: 'Audit' }).click();
  await expect(page.getByText('Ann renamed this place').first()).toBeVisible();
});

test('a forgotten password is replaced by a link, once', async ({ browser }) => {
  const { page } = ann;
  await page.goto(`${server.url}/administration/people`);
  await page.getByRole('button', { name: 'Bo: what you can do' }).click();
  await page.getByRole('button', { name: 'New password link' }).click();
  const dialog = page.getByRole('dialog');
  await isAccessible(page, 'password link');
  await dialog.getByRole('button', { name: 'Make link' }).click();
  const line = dialog.getByLabel('New password link', { exact: true });
  await expect(line).toHaveValue(/\/new-password#token=/);
  const link = await line.inputValue();
  await dialog.locator('.buttons').getByRole('button', { name: 'Close' }).click();
  // Of administrators there is none.
  await page.getByRole('button', { name: 'Ann: what you can do' }).click();
  await expect(page.getByRole('button', { name: 'Take administration away' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'New password link' })).toHaveCount(0);
  await page.keyboard.press('Escape');

  // In the browser of somebody else one does not slip into another's account.
  await page.goto(link);
  await expect(page.getByText('Sign out here first to choose a new password for Bo.')).toBeVisible();
  await expect(page).toHaveURL(`${server.url}/new-password`);

  const other = await Person.open(browser, 'Bo');
  await other.page.goto(`${server.url}/sign-in`);
  await expect(other.page.getByText('Forgotten the password? Ask an administrator for a link.')).toBeVisible();
  await other.page.goto(link);
  await expect(other.page.getByText('Choose a new password for Bo.')).toBeVisible();
  await expect(other.page).toHaveURL(`${server.url}/new-password`);
  await isAccessible(other.page, 'new password');
  await other.page.getByLabel('Password', { exact: true }).fill('a better horse');
  await other.page.getByRole('button', { name: 'Save and sign in' }).click();
  await expect(other.composer).toBeVisible();
  // Where Bo was signed in before, Bo is not any more.
  await expect(bo.page.getByText('Your session has ended. Sign in again.')).toBeVisible();
  await bo.page.goto(link);
  await expect(bo.page.getByText('This link does not work any more.')).toBeVisible();
  await isAccessible(bo.page, 'void link');
  await bo.page.getByRole('link', { name: 'Go to sign-in' }).click();
  await bo.page.getByLabel('Your name').fill('Bo');
  await bo.page.getByLabel('Password', { exact: true }).fill('a better horse');
  await bo.page.getByRole('button', { name: 'Sign in' }).click();
  await expect(bo.composer).toBeVisible();
});

test('a private channel is made at once for those who are chosen', async () => {
  const { page } = ann;
  await page.goto(server.url);
  await expect(ann.composer).toBeVisible();
  await page.getByRole('button', { name: 'New channel' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('quiet corner');
  await dialog.getByRole('checkbox', { name: /^Private/ }).check();
  await dialog.getByRole('combobox', { name: /^Who sees it beside you/ }).fill('Bo');
  await dialog.getByRole('option', { name: /Bo/ }).click();
  await expect(dialog.getByRole('button', { name: 'Take Bo out' })).toBeVisible();
  await isAccessible(page, 'new private channel');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'quiet corner' })).toBeVisible();
  await expect(bo.channel('quiet corner')).toBeVisible();
  await page.getByRole('button', { name: 'New channel' }).first().click();
  await dialog.getByLabel('Name').fill('own notes');
  await dialog.getByRole('checkbox', { name: /^Private/ }).check();
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'own notes' })).toBeVisible();
  // What comes later is told later: by then one of these would have been there.
  await ann.newChannel('afterwards');
  await expect(bo.channel('afterwards')).toBeVisible();
  await expect(bo.channel('own notes')).toHaveCount(0);
  await expect(ann.page.getByRole('navigation').getByRole('link', { name: /quiet corner|own notes|afterwards/ })).toHaveText([/quiet corner/, /own notes/, /afterwards/]);
});

test('a channel and a guild are muted for a time, and heard again', async () => {
  const { page } = bo;
  const menuOf = async (which: 'channel' | 'guild') => {
    if (which === 'guild') await page.getByRole('button', { name: /^Hanok ?: menu/ }).click();
    else await bo.channel('general').click({ button: 'right' });
  };
  for (const which of ['channel', 'guild'] as const) {
    await menuOf(which);
    await page.getByRole('button', { name: 'Mute', exact: true }).click();
    await isAccessible(page, `muting a ${which}`);
    await page.getByRole('button', { name: 'For 8 hours' }).click();
    await expect(page.getByText('Muted. Nothing notifies you from here.')).toBeVisible();
    await page.reload();
    await menuOf(which);
    await expect(page.getByRole('button', { name: 'Unmute Ends in 8 hours' })).toBeVisible();
    await page.getByRole('button', { name: /^Unmute/ }).click();
    await expect(page.getByText('No longer muted.')).toBeVisible();
    await menuOf(which);
    await page.getByRole('button', { name: 'Mute', exact: true }).click();
    await page.getByRole('button', { name: 'Until I unmute it' }).click();
    await menuOf(which);
    await expect(page.getByRole('button', { name: 'Unmute Until you unmute it' })).toBeVisible();
    await page.keyboard.press('Escape');
  }
});

test('nobody`s browser complained', () => {
  // Bo's session was ended by the server; what the page was just sending went into a socket that closes.
  const isExpected = (text: string) => /40[0134]/.test(text) || text.includes('CLOSING');
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !isExpected(text))).toEqual([]);
});
