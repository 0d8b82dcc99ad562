import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;
let cy: Person;

together(['Ann', 'Bo', 'Cy'], (people) => {
  [ann, bo, cy] = people;
});

test('a card leads to a direct message, and who gets it is told at once', async () => {
  await ann.say('Hello all');
  await bo.hears('Hello all');
  await (await bo.card('Ann')).getByRole('button', { name: 'Message' }).click();
  await expect(bo.page).toHaveURL(/\/dm\/r\/\w+$/);
  await expect(bo.page.getByRole('heading', { name: 'Ann' })).toBeVisible();
  await bo.say('Only for you');
  await expect(ann.page).toHaveTitle(/^\(1\)/);
  const rail = ann.page.getByRole('link', { name: 'Direct messages, 1 unread message' });
  await expect(rail).toBeVisible();
  await rail.click();
  await ann.page.getByRole('navigation').getByRole('link', { name: /\bBo\b/ }).click();
  await ann.hears('Only for you');
  await expect(ann.page).not.toHaveTitle(/^\(/);
  await ann.say('Thank you');
  await bo.hears('Thank you');
});

test('a group is made, named, grows, and is left', async () => {
  await ann.page.getByRole('button', { name: 'New message' }).first().click();
  await ann.page.getByRole('checkbox', { name: /Bo/ }).check();
  await ann.page.getByRole('checkbox', { name: /Cy/ }).check();
  await ann.page.getByRole('button', { name: 'Make group' }).click();
  await expect(ann.page.getByRole('heading', { name: 'Bo and Cy' })).toBeVisible();
  await ann.say('Lunch?');
  await bo.page.getByRole('navigation').getByRole('link', { name: /Ann and Cy/ }).click();
  await bo.hears('Lunch?');

  await ann.page.getByRole('button', { name: 'Group', exact: true }).click();
  await ann.page.getByRole('button', { name: 'Rename group' }).click();
  await ann.page.getByLabel('Name of the group').fill('Lunch club');
  await ann.page.getByRole('button', { name: 'Save' }).click();
  await expect(bo.page.getByRole('heading', { name: 'Lunch club' })).toBeVisible();

  await bo.page.getByRole('button', { name: 'Group', exact: true }).click();
  await bo.page.getByRole('button', { name: 'Leave group' }).click();
  await bo.page.getByRole('dialog').getByRole('button', { name: 'Leave', exact: true }).click();
  await expect(bo.page.getByRole('navigation').getByRole('link', { name: /Lunch club/ })).toHaveCount(0);
  await expect(ann.page.getByText('2 people')).toBeVisible();

  await ann.page.getByRole('button', { name: 'Group', exact: true }).click();
  await ann.page.getByRole('button', { name: 'Add people' }).click();
  await ann.page.getByRole('checkbox', { name: /Bo/ }).check();
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Add people' }).click();
  await expect(bo.page.getByRole('navigation').getByRole('link', { name: /Lunch club/ })).toBeVisible();
});

test('people are found and taken by the keyboard, and stay in sight while one looks for others', async () => {
  const { page } = cy;
  await page.getByRole('link', { name: /^Direct messages/ }).click();
  await page.getByRole('button', { name: 'New message' }).first().click();
  const dialog = page.getByRole('dialog');
  const search = dialog.getByRole('searchbox', { name: 'Find people' });
  await search.fill('ann');
  await expect(dialog.getByRole('checkbox')).toHaveCount(1);
  await search.press('Enter');
  await expect(search).toHaveValue('');
  await search.fill('nobody');
  await search.press('Enter');
  await expect(search).toHaveValue('nobody');
  await expect(dialog.getByText('1 person chosen')).toBeVisible();
  await search.fill('bo');
  await expect(dialog.getByRole('checkbox')).toHaveCount(1);
  await search.press('Enter');
  await expect(dialog.getByText('2 people chosen')).toBeVisible();
  await expect(dialog.getByRole('checkbox', { name: /Ann/ })).toBeChecked();
  await dialog.getByRole('button', { name: 'Take Ann off again' }).click();
  await expect(dialog.getByText('1 person chosen')).toBeVisible();
  await search.press('Enter');
  await expect(page).toHaveURL(/\/dm\/r\/\w+$/);
  await expect(page.getByRole('heading', { name: 'Bo' })).toBeVisible();
});

test('settings that are opened directly name conversations by their people', async () => {
  const { page } = cy;
  await page.goto(new URL('/settings/notifications', page.url()).href);
  await expect(page.getByRole('combobox', { name: /\bBo\b/ })).toBeVisible();
});

test('conversations are there again after a reload, the newest first', async () => {
  await ann.page.reload();
  const links = ann.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('link');
  await expect(links.first()).toHaveAccessibleName(/^Lunch club/);
  await expect(links.nth(1)).toHaveAccessibleName(/\bBo\b/);
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo, cy]) expect(person.complaints).toEqual([]);
});
