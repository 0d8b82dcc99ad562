import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;

together(['Ann', 'Bo Kim'], (people) => {
  [ann, bo] = people;
});

test('typing @ suggests people; the mention is shown by name and marked for whom it calls', async () => {
  await ann.newChannel('lunch');
  await ann.composer.pressSequentially('Hey @bo');
  await expect(ann.page.getByRole('listbox').getByRole('option', { name: 'Bo Kim' })).toHaveAttribute('aria-selected', 'true');
  await ann.composer.press('Enter');
  await expect(ann.composer).toHaveValue('Hey @Bo Kim ');
  await ann.composer.pressSequentially('lunch? see #gen');
  await expect(ann.page.getByRole('option', { name: /general/ })).toBeVisible();
  await ann.composer.press('Tab');
  await ann.composer.pressSequentially(':smil');
  await expect(ann.page.getByRole('listbox').getByRole('option').first()).toBeVisible();
  await ann.composer.press('Escape');
  await expect(ann.page.getByRole('listbox')).toHaveCount(0);
  await ann.composer.press('Enter');
  const sent = ann.page.locator('[data-seq]').last();
  await expect(sent.getByRole('button', { name: '@Bo Kim' })).toBeVisible();
  await expect(sent.getByRole('link', { name: 'general' })).toHaveAttribute('href', /\/r\/\w+$/);

  await expect(bo.channel('lunch')).toHaveAccessibleName(/1 mention, 1 unread message$/);
  await expect(bo.page).toHaveTitle(/^\(1\)/);
});

test('the inbox has it, leads to it, and going back leads to the inbox', async () => {
  await bo.page.getByRole('link', { name: 'Inbox' }).click();
  await expect(bo.page).toHaveURL(/\/inbox$/);
  const entry = bo.page.getByRole('link', { name: /Ann mentioned you.*Hey @Bo Kim/ });
  await expect(entry).toBeVisible();
  await expect(entry).toHaveAccessibleName(/Unread$/);
  await entry.focus();
  await bo.page.keyboard.press('Enter');
  await expect(bo.page.getByRole('heading', { name: 'lunch' })).toBeVisible();
  await expect(bo.page.locator('.calls').first()).toBeVisible();
  await bo.page.goBack();
  await expect(bo.page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
  await bo.page.goForward();
  await expect(bo.page.getByRole('heading', { name: 'lunch' })).toBeVisible();
});

test('an edit shows the name and keeps the mention', async () => {
  await ann.composer.press('ArrowUp');
  const box = ann.page.getByRole('textbox', { name: 'Edit message' });
  await expect(box).toHaveValue(/^Hey @Bo Kim lunch/);
  await box.fill('@Bo Kim, dinner?');
  await box.press('Enter');
  await expect(bo.page.locator('[data-seq]').last().getByRole('button', { name: '@Bo Kim' })).toBeVisible();
});

test('a draft with a mention is still one after a reload', async () => {
  await ann.composer.pressSequentially('@Bo');
  await expect(ann.page.getByRole('option', { name: /Bo Kim/ })).toBeVisible();
  await ann.composer.press('Tab');
  await expect(ann.composer).toHaveValue('@Bo Kim ');
  await ann.page.reload();
  await expect(ann.composer).toHaveValue('@Bo Kim ');
  await ann.composer.press('Enter');
  await expect(ann.page.locator('[data-seq]').last().getByRole('button', { name: '@Bo Kim' })).toBeVisible();
});

test('@everyone calls everybody', async () => {
  await ann.say('@everyone look');
  await expect(bo.page.locator('[data-seq]').last().locator('.calls')).toBeVisible();
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo]) expect(person.complaints).toEqual([]);
});
