import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import type { Server } from './support/server.ts';
import { together } from './support/together.ts';

let server: Server;
let ann: Person;
let bo: Person;
let guild: string;

together(['Ann', 'Bo'], (people, its) => {
  [ann, bo] = people;
  server = its;
});

test('a guild is made; an invite leads somebody into it who is signed in', async () => {
  await ann.page.getByRole('button', { name: 'Make or join a guild' }).click();
  await ann.page.getByLabel('Name of the guild').fill('Walkers');
  await ann.page.getByRole('button', { name: 'Make a guild', exact: true }).click();
  await expect(ann.page.getByRole('button', { name: /^Walkers/ })).toBeVisible();
  guild = /\/g\/(\w+)/.exec(ann.page.url())?.[1] ?? '';
  const link = await ann.invite();
  await bo.page.goto(link);
  await expect(bo.page.getByText('You are signed in as Bo.')).toBeVisible();
  await bo.page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(bo.page.getByRole('button', { name: /^Walkers/ })).toBeVisible();
});

test('it is left, made public, and joined by its link', async () => {
  await bo.page.getByRole('button', { name: /: menu/ }).click();
  await bo.page.getByRole('button', { name: 'Leave guild' }).click();
  await bo.page.getByRole('dialog').getByRole('button', { name: 'Leave', exact: true }).click();
  await expect(bo.page.getByRole('link', { name: 'Walkers' })).toHaveCount(0);
  await bo.page.goto(`${server.url}/g/${guild}`);
  await bo.page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(bo.page.getByText('It is not there any more')).toBeVisible();

  await ann.page.getByRole('button', { name: /: menu/ }).click();
  await ann.page.getByRole('link', { name: 'Guild settings' }).click();
  await ann.page.getByRole('button', { name: 'Make public' }).click();
  await expect(ann.page.getByText('Everybody with the link may join now.')).toBeVisible();
  await bo.page.goto(server.url);
  await bo.page.getByRole('button', { name: 'Make or join a guild' }).click();
  await bo.page.getByRole('link', { name: 'Public guilds' }).click();
  await bo.page.getByRole('button', { name: /^Join ?: Walkers/ }).click();
  await expect(bo.page.getByRole('button', { name: /^Walkers/ })).toBeVisible();
});

test('it gets another name, which others see', async () => {
  await ann.page.getByLabel('Name of the guild').fill('Hikers');
  await ann.page.getByRole('button', { name: 'Save' }).click();
  await expect(bo.page.getByRole('button', { name: /^Hikers/ })).toBeVisible();
});

test('a role is made and given permissions', async () => {
  await ann.page.getByRole('link', { name: 'Roles' }).click();
  await ann.page.getByLabel('New role').fill('Guides');
  await ann.page.getByRole('button', { name: 'Create' }).click();
  await ann.page.getByRole('checkbox', { name: 'Pin messages' }).check();
  await ann.page.getByRole('button', { name: 'Save' }).click();
  await ann.page.reload();
  await ann.page.getByRole('button', { name: /^Guides/ }).click();
  await expect(ann.page.getByRole('checkbox', { name: 'Pin messages' })).toBeChecked();
});

test('somebody is banned with a reason, cannot come back, and may again', async () => {
  await ann.page.getByRole('link', { name: 'Members' }).click();
  await ann.page.getByRole('button', { name: 'Bo: what you can do' }).click();
  await ann.page.getByRole('button', { name: 'Ban', exact: true }).click();
  await ann.page.getByLabel('Reason').fill('Too loud');
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Ban', exact: true }).click();
  await expect(bo.page.getByRole('link', { name: 'Hikers' })).toHaveCount(0);
  await ann.page.getByRole('link', { name: 'Bans' }).click();
  await expect(ann.page.getByText('Bo', { exact: true })).toBeVisible();
  await ann.page.getByRole('button', { name: 'Lift ban' }).click();
  await expect(ann.page.getByText('Nobody is banned.')).toBeVisible();
});

test('nobody`s browser complained', () => {
  // What is not there answers 404, which a browser tells of.
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !text.includes('404'))).toEqual([]);
});
