import { expect, test, type Page } from '@playwright/test';
import { Frames } from './support/frames.ts';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;
let heard: Frames;

together(['Ann', 'Bo'], (people) => {
  [ann, bo] = people;
  heard = new Frames(bo.page);
});

const list = (page: Page) => page.getByRole('navigation', { name: 'Channels' });
const names = (page: Page) => list(page).locator('li a .name').allTextContents();

async function newThing(page: Page, kind: string, name: string) {
  await list(page).getByRole('button', { name: 'New channel', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: kind }).check();
  await dialog.getByLabel('Name').fill(name);
  return dialog;
}

test('channels are made under categories, for talk and for announcements, and others see them', async () => {
  const { page } = ann;
  await (await newThing(page, 'Category', 'Projects')).getByRole('button', { name: 'Create' }).click();
  await expect(list(bo.page).getByRole('button', { name: 'Projects' })).toBeVisible();
  const dialog = await newThing(page, 'Announcements', 'news');
  await dialog.getByRole('combobox', { name: 'Category' }).selectOption('Projects');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'news' })).toBeVisible();
  await list(page).getByRole('button', { name: 'New channel in Projects' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('yard');
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'yard' })).toBeVisible();
  await expect(list(bo.page).getByRole('link', { name: /^news , Announcement channel/ })).toBeVisible();
  await expect.poll(() => names(bo.page)).toEqual(['general', 'news', 'yard']);
});

test('they are moved by the keys and by the pointer, and it is kept', async () => {
  const { page } = ann;
  await ann.channel('yard').focus();
  await page.keyboard.press('Control+Shift+ArrowUp');
  await expect.poll(() => names(bo.page)).toEqual(['general', 'yard', 'news']);
  await expect(ann.channel('yard')).toBeFocused();
  await ann.channel('general').dragTo(ann.channel('news'), { targetPosition: { x: 40, y: 28 } });
  await expect.poll(() => names(bo.page)).toEqual(['yard', 'news', 'general']);
  await page.reload();
  await expect.poll(() => names(page)).toEqual(['yard', 'news', 'general']);
});

test('a category is folded on this device, renamed and deleted', async () => {
  const { page } = ann;
  await ann.goTo('yard');
  const heading = list(page).getByRole('button', { name: 'Projects', exact: true });
  await heading.click();
  await expect(heading).toHaveAttribute('aria-expanded', 'false');
  // Where one is stays in sight.
  await expect.poll(() => names(page)).toEqual(['yard']);
  await page.reload();
  await expect.poll(() => names(page)).toEqual(['yard']);
  await heading.click();
  await list(page).getByRole('button', { name: 'Projects: category' }).click();
  await page.getByRole('button', { name: 'Rename category' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Works');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(list(bo.page).getByRole('button', { name: 'Works', exact: true })).toBeVisible();
  await list(page).getByRole('button', { name: 'Works: category' }).click();
  await page.getByRole('button', { name: 'Delete category' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(list(bo.page).getByRole('button', { name: 'Works', exact: true })).toHaveCount(0);
  await expect.poll(() => names(bo.page)).toEqual(['yard', 'news', 'general']);
});

test('a channel gets another name, topic and pace', async () => {
  const { page } = ann;
  await bo.goTo('yard');
  await ann.goTo('yard');
  await page.getByRole('button', { name: 'Channel', exact: true }).click();
  await page.getByRole('link', { name: 'Channel settings' }).click();
  await page.getByLabel('Name').fill('garden');
  await page.getByLabel('Topic').fill('What grows');
  await page.getByLabel('Slow mode').selectOption('10 seconds');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(bo.page.getByRole('heading', { name: 'garden' })).toBeVisible();
  await expect(bo.page.getByText('What grows').first()).toBeVisible();
});

test('a channel is closed, opened to one member, and viewed as that member', async () => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Permissions' }).click();
  await page.getByRole('button', { name: 'Make private' }).click();
  await expect(bo.channel('garden')).toHaveCount(0);
  await page.getByRole('combobox', { name: 'As whom' }).fill('Bo');
  await page.getByRole('option', { name: 'Bo' }).click();
  await expect(page.getByText('Bo does not see this channel.')).toBeVisible();
  await page.getByRole('combobox', { name: 'Add a role or member' }).fill('Bo');
  await page.getByRole('option', { name: 'Bo' }).click();
  // Before it is saved.
  await expect(page.getByText('Bo sees this channel and may')).toBeVisible();
  await expect(bo.channel('garden')).toHaveCount(0);
  await page.getByRole('group', { name: 'React: Bo' }).getByRole('radio', { name: 'Deny' }).check();
  await expect(page.getByRole('listitem').filter({ hasText: /May not: ?React/ })).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(bo.channel('garden')).toBeVisible();
  await expect(list(bo.page).getByRole('link', { name: /^garden , Private channel/ })).toBeVisible();
  await page.reload();
  await page.getByRole('button', { name: /^Bo/ }).click();
  await expect(page.getByRole('group', { name: 'React: Bo' }).getByRole('radio', { name: 'Deny' })).toBeChecked();
});

test('a channel is deleted after asking', async () => {
  const { page } = ann;
  await page.getByRole('link', { name: 'Back to messages' }).click();
  await page.getByRole('button', { name: 'Channel', exact: true }).click();
  await page.getByRole('button', { name: 'Delete channel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete channel' }).click();
  await expect(bo.channel('garden')).toHaveCount(0);
  await expect(ann.channel('garden')).toHaveCount(0);
});

test('whoever may not run channels has no such controls', async () => {
  await expect(list(bo.page).getByRole('button', { name: 'New channel' })).toHaveCount(0);
  await bo.goTo('general');
  await bo.page.getByRole('button', { name: 'Channel', exact: true }).click();
  await expect(bo.page.getByRole('button', { name: 'Copy link' })).toBeVisible();
  await expect(bo.page.getByRole('link', { name: 'Channel settings' })).toHaveCount(0);
  await bo.page.keyboard.press('Escape');
  await bo.page.goto(`${bo.page.url()}/settings/overview`);
  await expect(bo.page.getByText('To change it you need the permission')).toBeVisible();
  await expect(bo.page.getByLabel('Name')).toBeDisabled();
  await bo.page.getByRole('link', { name: 'Back to messages' }).click();
});

test('the panel of members shows who is here, and tells when somebody comes and goes', async () => {
  const { page } = ann;
  await ann.goTo('general');
  await bo.goTo('news');
  await page.getByRole('link', { name: 'Members' }).click();
  const panel = page.getByRole('complementary', { name: 'Members' });
  await expect(panel.getByRole('listitem').filter({ hasText: /^Here now 1/ })).toBeVisible();
  const row = panel.getByRole('button', { name: /Bo/ });
  await expect(row).toContainText('Online');
  heard.forget();
  await bo.page.getByRole('button', { name: /^Bo: you/ }).click();
  await bo.page.getByRole('button', { name: 'Do not disturb' }).click();
  await bo.page.keyboard.press('Escape');
  await expect(row).toContainText('Do not disturb');
  await bo.goTo('general');
  await page.reload();
  await expect(panel.getByRole('listitem').filter({ hasText: /^Here now 2/ })).toBeVisible();
});

test('words to be seen with have an emoji and an end, and others see them at once', async () => {
  const { page } = bo;
  await page.getByRole('button', { name: /^Bo: you/ }).click();
  await page.getByRole('button', { name: 'Say what you are up to' }).click();
  const dialog = page.getByRole('dialog', { name: 'Say what you are up to' });
  await dialog.getByLabel('What you are up to').fill('At lunch');
  await dialog.getByRole('button', { name: 'Choose an emoji' }).click();
  await page.getByLabel('Search emoji').fill('coffee');
  await page.getByRole('button', { name: /hot beverage|coffee/i }).first().click();
  await dialog.getByLabel('Until').selectOption('in 1 hour');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('button', { name: /^Bo: you/ })).toContainText('☕ At lunch');
  await expect(ann.page.getByRole('complementary', { name: 'Members' })).toContainText('☕ At lunch');
});

test('somebody steps out of a channel, cannot write, and comes back', async () => {
  const { page } = bo;
  await page.getByRole('button', { name: 'Channel', exact: true }).click();
  await page.getByRole('button', { name: /^Step out here/ }).click();
  await expect(page.getByText('You have stepped out.')).toBeVisible();
  await bo.say('Am I here?');
  await expect(page.getByText('You have stepped out of this room.')).toBeVisible();
  await page.getByRole('button', { name: 'Channel', exact: true }).click();
  await page.getByRole('button', { name: 'Come back here' }).click();
  await page.getByRole('button', { name: 'Try again' }).click();
  await ann.hears('Am I here?');
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !text.includes('404'))).toEqual([]);
});
