import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;

together(['Ann', 'Bob'], (people, its) => {
  [ann] = people;
  server = its;
});

test('an invite lets in who has an account already, on another device', async ({ browser }) => {
  const link = await ann.invite();
  const device = await Person.open(browser, 'Bob');
  const { page } = device;
  await page.goto(link);
  await page.getByRole('button', { name: 'I have an account already. Sign in.' }).click();
  await page.getByLabel('Your name').fill('Bob');
  await page.getByLabel('Password', { exact: true }).fill('wrong-password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('Name and password do not fit together.')).toBeVisible();
  await page.getByLabel('Password', { exact: true }).fill('madang-madang');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('You are signed in as Bob.')).toBeVisible();
  await page.getByRole('button', { name: /Join|Open/ }).click();
  await device.isInside();
  await page.context().close();
});

test('where everybody may sign up the page has a door for it, and elsewhere none', async ({ browser }) => {
  const stranger = await Person.open(browser, 'Cleo');
  const { page } = stranger;
  await page.goto(server.url);
  await expect(page.getByText('Ask somebody here for an invite link.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'No account yet? Make one.' })).toHaveCount(0);

  await ann.page.goto(`${server.url}/administration/registration`);
  await ann.page.getByRole('radio', { name: /Everybody/ }).check();
  await ann.page.getByRole('button', { name: 'Save' }).click();
  await expect(ann.page.getByText('Saved')).toBeVisible();

  await page.reload();
  await page.getByRole('button', { name: 'No account yet? Make one.' }).click();
  await page.getByLabel('Your name').fill('Bob');
  await page.getByLabel('Password', { exact: true }).fill('madang-madang');
  await page.getByRole('button', { name: 'Make an account', exact: true }).click();
  await expect(page.getByLabel('Your name')).toHaveAttribute('aria-invalid', 'true');
  // What the server had against one name is not said of the next one.
  await page.getByLabel('Your name').fill('Bobby');
  await expect(page.getByLabel('Your name')).toHaveAttribute('aria-invalid', 'false');
  await page.getByLabel('Your name').fill('Cleo');
  await page.getByRole('button', { name: 'Make an account', exact: true }).click();
  await expect(page.getByText('You are not in a guild yet.')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Public guilds' }).click();
  await expect(page).toHaveURL(/\/guilds$/);
  await page.context().close();
});

test('the arrow edits alone; with Alt it leads to the channel above, also out of an empty composer', async () => {
  await ann.page.goto(`${server.url}/`);
  await ann.newChannel('yak');
  await ann.say('mine');
  await ann.composer.focus();
  await ann.page.keyboard.press('Alt+ArrowUp');
  await expect(ann.page.getByRole('heading', { name: 'general' })).toBeVisible();
  await ann.page.goBack();
  await ann.composer.focus();
  await ann.page.keyboard.press('ArrowUp');
  await expect(ann.page.getByRole('textbox', { name: 'Edit message' })).toBeFocused();
  await ann.page.keyboard.press('Escape');
});
