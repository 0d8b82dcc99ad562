import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;
let bo: Person;

together(['Ann', 'Bo'], (people, its) => {
  [ann, bo] = people;
  server = its;
});

const panel = (person: Person) => person.page.getByRole('complementary', { name: 'Thread' });

test('the first reply begins a thread, which everybody sees under the message', async () => {
  await ann.say('What about names?');
  await ann.hasSent('What about names?');
  await ann.act(await ann.hears('What about names?'), 'Reply in thread');
  await expect(ann.page).toHaveURL(/\/t\/\d+$/);
  await panel(ann).getByRole('textbox', { name: 'Message Thread' }).fill('Short ones');
  await panel(ann).getByRole('textbox', { name: 'Message Thread' }).press('Enter');
  await expect(panel(ann).locator('[data-seq]').getByText('Short ones')).toBeVisible();
  await expect(bo.page.getByRole('link', { name: /^1 reply/ })).toBeVisible();
});

test('both talk in it beside the room', async () => {
  await bo.page.getByRole('link', { name: /^1 reply/ }).click();
  await expect(panel(bo).getByText('Short ones')).toBeVisible();
  await panel(bo).getByRole('textbox', { name: 'Message Thread' }).fill('And plain');
  await panel(bo).getByRole('textbox', { name: 'Message Thread' }).press('Enter');
  await expect(panel(ann).getByText('And plain')).toBeVisible();
  await expect(panel(bo).getByRole('button', { name: 'Following' })).toBeVisible();
  await expect(ann.page.getByRole('link', { name: /^2 replies/ })).toBeVisible();
  await ann.page.getByRole('textbox', { name: 'Message general' }).fill('Meanwhile in the room');
  await ann.page.getByRole('textbox', { name: 'Message general' }).press('Enter');
  await expect(bo.page.getByText('Meanwhile in the room')).toBeVisible();
  await panel(bo).getByRole('textbox').press('Escape');
});

test('it is closed, followed or not, and there again by its address', async () => {
  const { page } = bo;
  await page.reload();
  await expect(panel(bo).getByText('And plain')).toBeVisible();
  await panel(bo).getByRole('button', { name: 'Following' }).click();
  await expect(panel(bo).getByRole('button', { name: 'Follow', exact: true })).toBeVisible();
  await panel(bo).getByRole('link', { name: 'Close panel' }).click();
  await expect(panel(bo)).toHaveCount(0);
  await page.goBack();
  await expect(panel(bo).getByText('And plain')).toBeVisible();
  await page.goForward();
});

test('the threads that one follows stand beside the inbox, what is unread first, and a reply is told at once', async () => {
  const { page } = ann;
  await ann.goTo('general');
  await ann.say('And what about colours?');
  await ann.act(await ann.hears('And what about colours?'), 'Reply in thread');
  await panel(ann).getByRole('textbox').fill('Blue');
  await panel(ann).getByRole('textbox').press('Enter');
  await expect(panel(ann).locator('[data-seq]').getByText('Blue')).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('threads');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/inbox\/threads$/);
  await expect(page.getByRole('link', { name: 'Threads', exact: true })).toHaveAttribute('aria-current', 'page');
  const rows = page.getByRole('group', { name: 'Threads' }).getByRole('listitem');
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText('And what about colours?');
  await expect(rows.first()).toContainText('Thread in #general');
  await expect(rows.last()).toContainText('2 replies');
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.html).join('\n')}`)).toEqual([]);

  await bo.page.goto(`${server.url}/inbox/threads`);
  await expect(bo.page.getByText('You follow no thread yet.')).toBeVisible();
  const link = await rows.last().getByRole('link').getAttribute('href');
  await bo.page.goto(server.url + link);
  await panel(bo).getByRole('textbox').fill('Very plain');
  await panel(bo).getByRole('textbox').press('Enter');
  // It goes up by itself, as nobody is about to press on anything.
  await page.mouse.move(0, 0);
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await expect(rows.first()).toContainText('What about names?');
  await expect(rows.first()).toContainText('1 unread message');
  await rows.first().getByRole('link').click();
  await expect(panel(ann).getByText('Very plain')).toBeVisible();
  await expect(ann.page.getByRole('heading', { name: 'general' })).toBeVisible();
});

test('a thread is let go of and taken back in the list; what was missed without a connection comes with the next', async () => {
  const { page } = ann;
  await page.goBack();
  const row = page.getByRole('group', { name: 'Threads' }).getByRole('listitem').filter({ hasText: 'colours' });
  await row.getByRole('button', { name: 'Following' }).click();
  await row.getByRole('button', { name: 'Follow', exact: true }).click();
  await row.getByRole('button', { name: 'Following' }).click();
  await expect(row.getByRole('button', { name: 'Follow', exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByText('What about names?')).toBeVisible();
  await expect(row).toHaveCount(0);
  // A reply that was missed without a connection is there with the next one.
  await server.kill();
  await server.restart();
  await bo.page.reload();
  await panel(bo).getByRole('textbox').fill('Still plain');
  await panel(bo).getByRole('textbox').press('Enter');
  await expect(page.getByRole('group', { name: 'Threads' })).toContainText('1 unread message');
  await page.getByRole('link', { name: /What about names/ }).click();
  await expect(panel(ann).getByText('Still plain')).toBeVisible();
});

test('a message is pinned, listed, and told; whoever may not is told so', async () => {
  await ann.page.getByRole('link', { name: 'Close panel' }).click();
  await ann.act(await ann.hears('What about names?'), 'More');
  await ann.page.getByRole('button', { name: 'Pin', exact: true }).click();
  await expect(bo.page.getByText('Ann pinned a message.')).toBeVisible();
  await bo.page.getByRole('link', { name: 'Pinned messages' }).click();
  const pins = bo.page.getByRole('complementary', { name: 'Pinned messages' });
  await expect(pins.getByText('What about names?')).toBeVisible();
  await pins.getByRole('button', { name: 'Unpin' }).click();
  await expect(bo.page.getByText('You may not do this here.')).toBeVisible();
  await ann.act(await ann.hears('What about names?'), 'More');
  await ann.page.getByRole('button', { name: 'Unpin', exact: true }).click();
  await expect(pins.getByText('Nothing is pinned here')).toBeVisible();
  await pins.getByRole('link', { name: 'Close panel' }).click();
});

test('a message is made unread and stays so until the next visit; all is read at once', async () => {
  await ann.newChannel('lunch');
  await ann.say('Soup today');
  await ann.say('And bread');
  await bo.goTo('lunch');
  await bo.act(await bo.hears('And bread'), 'More');
  await bo.page.getByRole('button', { name: 'Mark unread from here' }).click();
  await expect(bo.newLine).toBeVisible();
  await bo.goTo('general');
  await expect(bo.channel('lunch')).toHaveAccessibleName(/1 unread message$/);
  await bo.page.getByRole('button', { name: /: menu/ }).click();
  await bo.page.getByRole('button', { name: 'Mark all as read' }).click();
  await expect(bo.channel('lunch')).toHaveAccessibleName('lunch');
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !/ERR_CONNECTION|WebSocket/.test(text))).toEqual([]);
});
