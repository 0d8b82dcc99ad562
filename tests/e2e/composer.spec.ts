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

test('signs are put around what is selected, and undone', async () => {
  const { composer, page } = ann;
  await composer.fill('very important');
  await composer.press('Shift+Control+ArrowLeft');
  await composer.press('Control+b');
  await expect(composer).toHaveValue('very **important**');
  await composer.press('Control+i');
  await expect(composer).toHaveValue('very ***important***');
  await composer.press('Control+z');
  await composer.press('Control+z');
  await expect(composer).toHaveValue('very important');
  await composer.press('Control+e');
  await expect(composer).toHaveValue('very `important`');
  await composer.press('Enter');
  await expect(page.locator('[data-seq] code', { hasText: 'important' })).toBeVisible();
});

test('an address that is pasted over words makes a link of them', async () => {
  const { composer, page } = ann;
  await page.evaluate(() => navigator.clipboard.writeText('https://example.org/plan'));
  await composer.fill('the plan');
  await composer.press('Shift+Control+ArrowLeft');
  await composer.press('Control+v');
  await expect(composer).toHaveValue('the [plan](https://example.org/plan)');
  await composer.press('Enter');
  await expect(page.getByRole('link', { name: 'plan' })).toHaveAttribute('href', 'https://example.org/plan');
});

test('a code of an emoji becomes it with its last colon, but not within code, and is undone', async () => {
  const { composer, page } = ann;
  await composer.pressSequentially('well done :smile:');
  await expect(composer).toHaveValue('well done 😄');
  await page.keyboard.press('Control+z');
  await expect(composer).toHaveValue(/:smile:?$/);
  await composer.fill('');
  await composer.pressSequentially('`:smile:`');
  await expect(composer).toHaveValue('`:smile:`');
  await composer.fill('');
  await composer.pressSequentially('fine :+1');
  await expect(page.getByRole('option').first()).toContainText('👍');
  await composer.press('Enter');
  await expect(composer).toHaveValue('fine 👍 ');
  await composer.fill('');
  await composer.pressSequentially(':하트');
  await expect(page.getByRole('option').first()).toContainText('❤️');
  await composer.fill('');
});

test('lists go on, and end with an empty item; in code Enter is a new line', async () => {
  const { composer } = ann;
  await composer.pressSequentially('- one');
  await composer.press('Shift+Enter');
  await composer.pressSequentially('two');
  await composer.press('Shift+Enter');
  await expect(composer).toHaveValue('- one\n- two\n- ');
  await composer.press('Shift+Enter');
  await expect(composer).toHaveValue('- one\n- two\n');
  await composer.fill('');
  await composer.pressSequentially('```js');
  await composer.press('Enter');
  await composer.pressSequentially('a()');
  await expect(composer).toHaveValue('```js\na()');
  await composer.press('Enter');
  await composer.pressSequentially('```');
  await composer.press('Enter');
  await expect(composer).toHaveValue('');
  await expect(ann.page.locator('[data-seq] pre', { hasText: 'a()' })).toBeVisible();
});

test('emoji by their names, in the tone that was chosen', async () => {
  const { composer, page } = ann;
  await page.getByRole('button', { name: 'Add emoji' }).click();
  await page.getByRole('radio', { name: 'Medium dark' }).check();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.getByLabel('Search emoji').fill('흔드는');
  await page.getByRole('dialog', { name: 'Emoji' }).getByRole('button', { name: 'waving hand' }).click();
  await expect(composer).toHaveValue('👋🏾');
  await composer.pressSequentially(' :thumbs');
  await page.getByRole('option', { name: /thumbs up/ }).waitFor();
  await composer.press('Enter');
  await expect(composer).toHaveValue('👋🏾 👍🏾 ');
  await composer.press('Enter');
  await bo.hears('👋🏾 👍🏾');
});

test('what is too long is said before it is sent, and can be sent in parts', async () => {
  const { composer, page } = ann;
  const text = Array.from({ length: 130 }, (_, at) => `This is line ${at} of a long text that somebody had written elsewhere.`).join('\n');
  await composer.fill(text);
  await expect(page.getByText(/characters\. A message has at most 4,000/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeDisabled();
  await page.getByRole('button', { name: 'Send as 3 messages' }).click();
  await expect(composer).toHaveValue('');
  await expect(bo.page.locator('[data-seq]').last()).toContainText('line 129 of');
  expect(await bo.page.locator('[data-seq]').filter({ hasText: 'of a long text' }).count()).toBe(3);
});

test('the last message is edited with the same help', async () => {
  const { composer, page } = ann;
  await ann.say('I call');
  await ann.hasSent('I call');
  await composer.press('ArrowUp');
  const edit = page.getByRole('textbox', { name: 'Edit message' });
  await expect(edit).toBeFocused();
  await edit.pressSequentially(' @Bo');
  await page.getByRole('option', { name: 'Bo', exact: true }).waitFor();
  await edit.press('Enter');
  await edit.press('Control+a');
  await edit.press('Enter');
  await expect(bo.page.locator('[data-seq]').last().getByRole('button', { name: '@Bo' })).toBeVisible();
});

test('Enter and Shift+Enter change places', async () => {
  const { page } = ann;
  await page.goto(`${server.url}/settings/look`);
  await page.getByRole('group', { name: 'Enter in a message' }).getByRole('radio', { name: 'New line' }).check();
  await page.getByRole('link', { name: 'Back to messages' }).click();
  const { composer } = ann;
  await composer.pressSequentially('one');
  await composer.press('Enter');
  await composer.pressSequentially('two');
  await expect(composer).toHaveValue('one\ntwo');
  await composer.press('Shift+Enter');
  await expect(composer).toHaveValue('');
  await composer.fill('three');
  await composer.press('Control+Enter');
  await ann.hasSent('three');
});

test('where posts are slow, the next one is counted down to', async () => {
  const set = (seconds: number) =>
    ann.page.request.patch(`${server.url}/api/v1/rooms/${ann.room}`, { headers: { Origin: server.url }, data: { slow_mode_seconds: seconds } });
  expect((await set(5)).status()).toBe(204);
  await bo.say('first');
  await bo.hasSent('first');
  await bo.composer.fill('second');
  await expect(bo.page.getByRole('timer')).toHaveText(/^again in [1-5] seconds?$/);
  await expect(bo.page.getByRole('button', { name: 'Send', exact: true })).toBeDisabled();
  await expect(bo.page.getByRole('timer')).toHaveCount(0);
  await bo.composer.press('Enter');
  await bo.hasSent('second');
  expect((await set(0)).status()).toBe(204);
});

test('where one may only read, there is no field', async () => {
  const answer = await ann.page.request.patch(`${server.url}/api/v1/rooms/${ann.room}`, { headers: { Origin: server.url }, data: { is_announcement: true } });
  expect(answer.status()).toBe(204);
  await expect(bo.page.getByText('You may read here, but not write.')).toBeVisible();
  await expect(bo.composer).toHaveCount(0);
  await expect(ann.composer).toBeVisible();
  expect(ann.complaints).toEqual([]);
  expect(bo.complaints).toEqual([]);
});
