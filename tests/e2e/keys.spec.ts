import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;

together(['Ann', 'Bo'], (people) => {
  [ann, bo] = people;
});

test('Ctrl+K finds a channel by its first consonants, and a person', async () => {
  await ann.newChannel('점심');
  await ann.newChannel('random');
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('ㅈㅅ');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page.getByRole('heading', { name: '점심' })).toBeVisible();
  await bo.say('Hello');
  await ann.goTo('general');
  await ann.hears('Hello');
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('bo');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page).toHaveURL(/\/dm\/r\//);
  await expect(ann.page.getByRole('heading', { name: 'Bo' })).toBeVisible();
});

test('Alt and arrows go from channel to channel, with Shift to what is unread', async () => {
  await ann.page.getByRole('link', { name: 'Hanok' }).click();
  await ann.goTo('general');
  await ann.page.keyboard.press('Alt+ArrowDown');
  await expect(ann.page.getByRole('heading', { name: '점심' })).toBeVisible();
  await ann.page.keyboard.press('Alt+ArrowUp');
  await expect(ann.page.getByRole('heading', { name: 'general' })).toBeVisible();
  await bo.goTo('random');
  await bo.say('News');
  await expect(ann.channel('random')).toHaveAccessibleName(/1 unread message$/);
  await ann.page.keyboard.press('Alt+Shift+ArrowDown');
  await expect(ann.page.getByRole('heading', { name: 'random' })).toBeVisible();
});

test('Ctrl+/ shows the keys', async () => {
  await ann.page.keyboard.press('Control+/');
  await expect(ann.page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await ann.page.keyboard.press('Escape');
  await expect(ann.page.getByRole('dialog', { name: 'Keys' })).toHaveCount(0);
});

test('Ctrl+K also finds what can be done, and the pages that are no rooms', async () => {
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('theme: dark');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('administration');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page).toHaveURL(/\/administration/);
  await ann.page.goBack();
  // By the words of the other language, too, and what opens instead of leading somewhere.
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('감사 기록');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page).toHaveURL(/\/settings\/audit/);
  await ann.page.goBack();
  await ann.page.keyboard.press('Control+k');
  await ann.page.getByRole('combobox').fill('invite people');
  await ann.page.keyboard.press('Enter');
  await expect(ann.page.getByRole('dialog', { name: 'Invite people' }).getByLabel('Invite link')).toHaveValue(/\/invite\//);
  await ann.page.keyboard.press('Escape');
  await expect(ann.page.getByRole('dialog')).toHaveCount(0);
});
