import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

let server: Server;
let ann: Person;
test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  ann = await Person.open(browser, 'Ann');
});

test.afterAll(async () => {
  await server?.remove();
});

test('the page that sets up may be read again before it is done', async () => {
  const { page } = ann;
  await page.goto(server.setUpLink);
  await expect(page).toHaveURL(/\/setup$/);
  await page.reload();
  await page.getByLabel('Name of this place').fill('Yard');
  await page.getByLabel('Your name').fill('Ann');
  await page.getByLabel('Password', { exact: true }).fill('madang-madang');
  await page.getByRole('button', { name: 'Set up' }).click();
  await expect(page).toHaveURL(/welcome/);
  expect(await page.evaluate(() => sessionStorage.getItem('madang.setup'))).toBeNull();
  await expect(page.getByText(`madang serve --listen 0.0.0.0:${server.port}`)).toBeVisible();
  await page.getByRole('link', { name: 'Go to the first channel' }).click();
});

test('whoever makes a channel writes in it, and whoever makes a role names it', async () => {
  const { page } = ann;
  await ann.newChannel('tea');
  await expect(ann.composer).toBeFocused();
  await page.keyboard.type('Hello');
  await page.keyboard.press('Enter');
  await ann.hears('Hello');
  const guild = /\/g\/(\w+)/.exec(page.url())?.[1] ?? '';
  await page.goto(`${server.url}/g/${guild}/settings/roles`);
  await page.getByLabel('New role').fill('Guides');
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
  await page.goBack();
});

test('an edit that leaves nothing asks whether to delete', async () => {
  const { page } = ann;
  await ann.goTo('tea');
  const row = await ann.hears('Hello');
  await ann.act(row, 'Edit');
  const box = page.getByRole('textbox', { name: 'Edit message' });
  await box.fill('');
  await box.press('Enter');
  const question = page.getByRole('dialog', { name: 'Delete this message?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await box.press('Enter');
  await question.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Hello', { exact: true })).toHaveCount(0);
  expect(ann.complaints).toEqual([]);
});
