import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  ann = await Person.open(browser, 'Ann');
  bo = await Person.open(browser, 'Bo');
});

test.afterAll(async () => {
  await server?.remove();
});

test('one sets the server up, the other follows an invite', async () => {
  await ann.setUp(server);
  expect(ann.page.url(), 'the token is not kept in the address').not.toContain('token');
  await bo.accept(await ann.invite());
});

test('both talk', async () => {
  await ann.say('Hello Bo');
  await bo.hears('Hello Bo');
  await bo.say('Hello Ann');
  await ann.hears('Hello Ann');
  await ann.hasSent('Hello Bo');
});

test('typing is seen, and is over with the message', async () => {
  await bo.composer.pressSequentially('I wri');
  await expect(ann.page.getByText('Bo is typing')).toBeVisible();
  await bo.composer.pressSequentially('te');
  await bo.composer.press('Enter');
  await ann.hears('I write');
  await expect(ann.page.getByText('Bo is typing')).toBeHidden();
});

test('a reaction is seen by both, and taken back', async () => {
  const row = await bo.hears('Hello Bo');
  await bo.act(row, 'React with 👍');
  const own = row.getByRole('button', { name: '👍, 1 reaction' });
  await expect(own).toHaveAttribute('aria-pressed', 'true');
  const seen = (await ann.hears('Hello Bo')).getByRole('button', { name: '👍, 1 reaction' });
  await expect(seen).toHaveAttribute('aria-pressed', 'false');
  await seen.click();
  await expect(row.getByRole('button', { name: '👍, 2 reactions' })).toBeVisible();
  await row.getByRole('button', { name: '👍, 2 reactions' }).click();
  await expect(row.getByRole('button', { name: '👍, 1 reaction' })).toHaveAttribute('aria-pressed', 'false');
  await expect(seen).toHaveAttribute('aria-pressed', 'true');
});

test('a reply quotes, an edit shows, a deleted parent is told as such', async () => {
  await bo.act(await bo.hears('Hello Bo'), 'Reply');
  await bo.say('Nice to see you');
  const reply = await ann.hears('Nice to see you');
  await expect(reply.getByRole('link', { name: /Hello Bo/ })).toBeVisible();

  await bo.composer.press('ArrowUp');
  const box = bo.page.getByRole('textbox', { name: 'Edit message' });
  await expect(box).toHaveValue('Nice to see you');
  await box.fill('Nice to see you here');
  await box.press('Enter');
  const edited = await ann.hears('Nice to see you here');
  await expect(edited.getByText('edited')).toBeVisible();

  await ann.act(await ann.hears('Hello Bo'), 'More');
  await ann.page.getByRole('button', { name: 'Delete' }).click();
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(bo.said('Hello Bo')).toHaveCount(0);
  await expect(bo.page.getByText('Message deleted').first()).toBeVisible();
  await expect(edited.getByRole('link', { name: /Message deleted/ })).toBeVisible();
});

test('what is written elsewhere is unread, until one looks', async () => {
  await ann.newChannel('lunch');
  await ann.say('Who is hungry');
  await expect(bo.channel('lunch')).toHaveAccessibleName(/1 unread message$/);
  await ann.say('I am');
  await expect(bo.channel('lunch')).toHaveAccessibleName(/2 unread messages$/);
  await expect(bo.page).toHaveTitle(/^\(2\)/);
  await bo.goTo('lunch');
  await bo.hears('I am');
  await expect(bo.page.getByText('New messages')).toBeVisible();
  await expect(bo.page).not.toHaveTitle(/^\(/);
  await bo.page.reload();
  await bo.hears('I am');
  await expect(bo.page).not.toHaveTitle(/^\(/);
});

test('a link to a message leads to it', async () => {
  await ann.act(await ann.hears('Who is hungry'), 'More');
  await ann.page.getByRole('button', { name: 'Copy link' }).click();
  const link = await ann.page.evaluate(() => navigator.clipboard.readText());
  expect(link).toMatch(/\/r\/[0-9A-Z]{26}\/\d+$/);
  await bo.page.goto(link);
  await expect((await bo.hears('Who is hungry')).locator('.target')).toBeVisible();
});

test('nobody`s browser complained', () => {
  expect(ann.complaints).toEqual([]);
  expect(bo.complaints).toEqual([]);
});

test('killed in mid-talk: nothing acknowledged is lost, nothing comes twice, nobody reloads', async () => {
  for (let at = 1; at <= 20; at += 1) await ann.say(`before the cut ${at}.`);
  await ann.hasSent('before the cut 20.');
  await server.kill();

  await ann.say('written while it was gone');
  await expect(ann.said('written while it was gone').getByRole('img', { name: 'Waiting to be sent' })).toBeVisible();
  await expect(ann.page.getByText('Connecting again')).toBeVisible();
  await expect(bo.page.getByText('Connecting again')).toBeVisible();
  await bo.composer.fill('a draft of mine');

  await server.restart();
  await ann.hasSent('written while it was gone');
  for (const person of [ann, bo]) {
    await person.hears('written while it was gone');
    for (let at = 1; at <= 20; at += 1) await expect(person.said(`before the cut ${at}.`)).toHaveCount(1);
    await expect(person.page.getByText('Connecting again')).toBeHidden();
  }
  await expect(bo.composer).toHaveValue('a draft of mine');
  await bo.say('and on it goes');
  await ann.hears('and on it goes');
});

test('a message that waits survives a reload', async () => {
  await server.kill();
  await ann.say('kept over a reload');
  await expect(ann.said('kept over a reload')).toHaveCount(1);
  await server.restart();
  await ann.page.reload();
  await ann.hasSent('kept over a reload');
  await bo.hears('kept over a reload');
});

test('signing out leaves, signing in comes back', async () => {
  await bo.page.getByRole('button', { name: 'Bo: you' }).click();
  await bo.page.getByRole('button', { name: 'Sign out' }).click();
  await expect(bo.page.getByRole('heading', { name: 'Sign in to Yard' })).toBeVisible();
  await bo.signIn(server);
  await bo.goTo('lunch');
  await bo.hears('and on it goes');
});
