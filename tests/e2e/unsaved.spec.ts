import { expect, test } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;
let url = '';

together(['Ann', 'Bo'], (people, server) => {
  [ann, bo] = people;
  url = server.url;
});

const guild = () => /\/g\/(\w+)/.exec(ann.page.url())?.[1] ?? '';

async function addTo(name: string) {
  const { page } = ann;
  await page.getByRole('combobox', { name: 'Add a role or member' }).fill(name);
  await page.getByRole('option', { name }).click();
}

test('whoever is added to a private channel is in it at once', async () => {
  const { page } = ann;
  await ann.newChannel('nook');
  await page.goto(`${url}/g/${guild()}/r/${ann.room}/settings/permissions`);
  await page.getByRole('button', { name: 'Make private' }).click();
  await expect(bo.channel('nook')).toHaveCount(0);
  // Nobody is told that only those below see it and, below, that everybody stands among them.
  await expect(page.getByRole('button', { name: /^All members.*do not see it/ })).toBeVisible();
  await addTo('Bo');
  await expect(bo.channel('nook')).toBeVisible();
  await expect(page.getByText('Not saved yet')).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole('list', { name: 'Exceptions' }).getByText('Bo')).toBeVisible();
});

test('what is not saved stays in sight, and is not lost without a question', async () => {
  const { page } = ann;
  const bar = page.getByText('Not saved yet');
  await page.getByRole('list', { name: 'Exceptions' }).getByText('Bo').click();
  await expect(bar).toHaveCount(0);
  await page.getByRole('group', { name: 'Post: Bo' }).or(page.getByRole('radiogroup', { name: 'Post: Bo' })).getByRole('radio', { name: 'Deny' }).check();
  await expect(bar).toBeInViewport();
  await page.getByRole('link', { name: 'Overview' }).click();
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  await question.getByRole('button', { name: 'Stay here' }).click();
  await expect(question).toHaveCount(0);
  await expect(page).toHaveURL(/permissions$/);
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(bar).toHaveCount(0);
  await page.getByRole('link', { name: 'Overview' }).click();
  const topic = page.getByLabel('Topic');
  await topic.fill('Tea');
  await expect(bar).toBeInViewport();
  // Also on the way back that the browser has, which goes first and asks nobody.
  await page.goBack();
  await expect(question).toBeVisible();
  await question.getByRole('button', { name: 'Stay here' }).click();
  await expect(topic).toHaveValue('Tea');
  await page.goBack();
  await question.getByRole('button', { name: 'Leave without saving' }).click();
  await expect(page).toHaveURL(/permissions$/);
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(topic).toHaveValue('');
  await topic.fill('Tea');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(bar).toHaveCount(0);
  await page.getByRole('link', { name: 'Permissions' }).click();
  await expect(page).toHaveURL(/permissions$/);
});

test('the roles and the guild ask as well, and so does closing the tab', async () => {
  const { page } = ann;
  await page.goto(`${url}/g/${guild()}/settings/roles`);
  await page.getByLabel('New role').fill('Guides');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('checkbox', { name: /^Kick members/ }).check();
  await expect(page.getByText('Not saved yet')).toBeInViewport();
  await page.getByRole('button', { name: /^Moderators/ }).click();
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  await question.getByRole('button', { name: 'Leave without saving' }).click();
  await expect(page.getByRole('heading', { name: 'Moderators' })).toBeVisible();
  await expect(page.getByText('Not saved yet')).toHaveCount(0);
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByLabel('Name of the guild').fill('House');
  const asked = new Promise<string>((resolve) => {
    page.once('dialog', (dialog) => {
      resolve(dialog.type());
      void dialog.dismiss();
    });
  });
  void page.close({ runBeforeUnload: true });
  expect(await asked).toBe('beforeunload');
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(page.getByLabel('Name of the guild')).toHaveValue('Hanok');
  expect([...ann.complaints, ...bo.complaints]).toEqual([]);
});

test('into an empty private channel leads no invite of the guild, but the door to who sees it', async () => {
  const { page } = ann;
  await page.goto(`${url}/g/${guild()}`);
  await ann.newChannel('attic');
  await expect(page.getByRole('log').getByRole('button', { name: 'Invite people' })).toBeVisible();
  const room = ann.room;
  await page.goto(`${url}/g/${guild()}/r/${room}/settings/permissions`);
  await page.getByRole('button', { name: 'Make private' }).click();
  await addTo('Bo');
  await expect(bo.channel('attic')).toBeVisible();
  await page.goto(`${url}/g/${guild()}/r/${room}/members`);
  await expect(page.getByRole('link', { name: 'Add people' })).toHaveCount(2);
  await expect(page.getByRole('log').getByRole('button', { name: 'Invite people' })).toHaveCount(0);
  await page.getByRole('log').getByRole('link', { name: 'Add people' }).click();
  await expect(page).toHaveURL(/settings\/permissions$/);
  await bo.goTo('attic');
  await expect(bo.page.getByRole('log').getByText('This is the start of attic.')).toBeVisible();
  await expect(bo.page.getByRole('log').getByRole('button', { name: 'Invite people' })).toHaveCount(0);
  await expect(bo.page.getByRole('link', { name: 'Add people' })).toHaveCount(0);
});
