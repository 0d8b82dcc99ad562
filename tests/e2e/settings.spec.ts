import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;

together(['Ann', 'Bo'], (people) => {
  [ann, bo] = people;
});

test('a display name and a text about oneself are seen by others at once', async () => {
  await ann.say('Hello');
  await bo.hears('Hello');
  await ann.page.getByRole('button', { name: 'Ann: you' }).click();
  await ann.page.getByRole('link', { name: 'Settings' }).click();
  await ann.page.getByLabel('Display name').fill('Ann of Green');
  await ann.page.getByLabel('About you').fill('I like yards.');
  await ann.page.getByRole('button', { name: 'Save' }).first().click();
  await expect(ann.page.getByText('Saved')).toBeVisible();
  await expect(bo.page.getByRole('log').locator('button.name', { hasText: 'Ann of Green' })).toBeVisible();
  const card = await bo.card('Ann of Green');
  await expect(card.getByText('I like yards.')).toBeVisible();
  await expect(card.getByText('Online')).toBeAttached();
});

test('somebody is followed and blocked from the card, and it is kept', async () => {
  const card = bo.page.getByRole('dialog', { name: 'Profile of Ann of Green' });
  await card.getByRole('button', { name: 'Follow' }).click();
  await expect(card.getByRole('button', { name: 'Unfollow' })).toBeVisible();
  await card.getByRole('button', { name: 'Block' }).click();
  await expect(card.getByText('They do not learn of it.')).toBeVisible();
  await card.getByRole('button', { name: 'Unblock' }).click();
  await bo.page.reload();
  const again = await bo.card('Ann of Green');
  await expect(again.getByRole('button', { name: 'Unfollow' })).toBeVisible();
  await expect(again.getByRole('button', { name: 'Block', exact: true })).toBeVisible();
  await bo.page.keyboard.press('Escape');
});

test('a status is chosen and seen', async () => {
  await bo.page.getByRole('button', { name: /^Bo: you/ }).click();
  await bo.page.getByRole('button', { name: 'Do not disturb' }).click();
  await expect(bo.page.getByRole('button', { name: 'Do not disturb' })).toHaveAttribute('aria-pressed', 'true');
  await bo.page.keyboard.press('Escape');
});

test('a token is made, shown once, and revoked; logins are listed', async () => {
  await ann.page.getByRole('link', { name: 'Access tokens' }).click();
  await ann.page.getByLabel('Name').fill('backup');
  await ann.page.getByRole('button', { name: 'Make token' }).click();
  await expect(ann.page.getByLabel('New token')).toHaveValue(/^madang_/);
  await ann.page.getByRole('button', { name: 'Revoke' }).click();
  await expect(ann.page.getByRole('button', { name: 'Revoke' })).toHaveCount(0);
  await ann.page.getByRole('link', { name: 'Account' }).click();
  await expect(ann.page.getByText('This one')).toBeVisible();
});

test('a wrong password is told; the right one changes it', async () => {
  await ann.page.getByLabel('Present password').fill('not-my-password');
  await ann.page.getByLabel('New password').fill('another-yard');
  await ann.page.getByRole('button', { name: 'Change password' }).click();
  await expect(ann.page.getByText('do not fit').or(ann.page.getByText('cannot be used'))).toBeVisible();
  await ann.page.getByLabel('Present password').fill('madang-madang');
  await ann.page.getByRole('button', { name: 'Change password' }).click();
  await expect(ann.page.getByText('The password is changed.')).toBeVisible();
});

test('a level of notification is chosen and kept', async () => {
  await ann.page.getByRole('link', { name: 'Notifications' }).click();
  await ann.page.getByLabel('Notifications of #general').selectOption('Only mentions');
  await ann.page.reload();
  await expect(ann.page.getByLabel('Notifications of #general')).toHaveValue('mentions');
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !text.includes('401'))).toEqual([]);
});
