import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test.describe.configure({ mode: 'serial' });

let server: Server;
let ann: Person;
let bo: Person;

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  [ann, bo] = (await Person.gather(browser, server, 'Ann', 'Bo')) as [Person, Person];
});

test.afterAll(async () => {
  await server?.remove();
});

async function isAccessible(page: Page, where: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map(({ id, nodes }) => `${where}, ${colorScheme}: ${id} ${nodes.map((node) => node.html).join('\n')}`);
    expect(told).toEqual([]);
  }
}

test('the place gets another name, which open pages show at once', async () => {
  const { page } = ann;
  await expect(bo.page).toHaveTitle(/Yard$/);
  await page.goto(`${server.url}/administration`);
  await expect(page.getByLabel('Name of this server')).toHaveValue('Yard');
  await isAccessible(page, 'overview');
  await page.getByLabel('Name of this server').fill('  Wide yard ');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await expect(page).toHaveTitle(/Wide yard$/);
  await expect(bo.page).toHaveTitle(/Wide yard$/);
  await page.getByRole('link', { name: 'Audit' }).click();
  await expect(page.getByText('Ann renamed this place').first()).toBeVisible();
});

test('nobody`s browser complained', () => {
  for (const person of [ann, bo]) expect(person.complaints.filter((text) => !/40[134]/.test(text))).toEqual([]);
});
