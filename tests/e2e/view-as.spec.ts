import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

test('whoever runs a channel sees what somebody may do in it, and which channels they see', async ({ browser }) => {
  const server = await Server.start();
  const [ann, bo] = (await Person.gather(browser, server, 'Ann', 'Bo')) as [Person, Person];
  const { page } = ann;
  const guild = /\/g\/(\w+)/.exec(page.url())?.[1] ?? '';
  const put = async (path: string, data: object) => expect((await page.request.put(`${server.url}/api/v1${path}`, { headers: { Origin: server.url }, data })).status()).toBe(204);
  const me = (await (await bo.page.request.get(`${server.url}/api/v1/me`)).json()) as { user: { id: string } };
  const made: string[] = [];
  for (const name of ['staff', 'vault', 'yard']) {
    await ann.newChannel(name);
    made.push(ann.room);
  }
  const [staff = '', vault = '', yard = ''] = made;
  // Nobody sees the first two, but Bo the first.
  for (const room of [staff, vault]) await put(`/rooms/${room}/overrides/roles/${guild}`, { allow: [], deny: ['view'] });
  await put(`/rooms/${staff}/overrides/users/${me.user.id}`, { allow: ['view'], deny: [] });

  await page.goto(`${server.url}/g/${guild}/r/${yard}/settings/permissions`);
  const whom = page.getByRole('combobox', { name: 'As whom' });
  const seen = page.getByRole('list', { name: /: \d channels? in sight$/ });
  await whom.fill('bo');
  await page.getByRole('option', { name: 'Bo' }).click();
  await expect(page.getByRole('heading', { name: 'Bo: 3 channels in sight' })).toBeVisible();
  await expect(seen.getByRole('link')).toHaveText(['general', 'staff', 'yard']);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes.map((node) => node.html).join('\n')}`)).toEqual([]);
  await whom.fill('All mem');
  await page.getByRole('option', { name: 'All members' }).click();
  await expect(page.getByRole('heading', { name: 'All members: 2 channels in sight' })).toBeVisible();
  await expect(seen.getByRole('link')).toHaveText(['general', 'yard']);
  // What Bo's own list says is the same.
  await expect(bo.page.getByRole('navigation', { name: 'Channels' }).locator('li a .name')).toHaveText(['general', 'staff', 'yard']);

  // What is about to be saved counts already, and what changes elsewhere does.
  await put(`/rooms/${staff}/overrides/roles/${guild}`, { allow: [], deny: [] });
  await expect(seen.getByRole('link')).toHaveText(['general', 'staff', 'yard']);
  await seen.getByRole('link', { name: 'staff' }).click();
  await expect(page).toHaveURL(new RegExp(`/r/${staff}/settings/permissions`));
  expect(ann.complaints).toEqual([]);
  await server.remove();
});
