import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

const MOST_BYTES = 82_000;
/** With what reads Markdown, which comes beside the first answers of the server. */
const MOST_BYTES_INSIDE = 95_000;

test('what everybody loads first is small, and keeps to the policy', async ({ browser }) => {
  const server = await Server.start();
  const ann = await Person.open(browser, 'Ann');
  await ann.setUp(server);
  const { page } = ann;
  // What the page names itself; what it asks for later, or only in some rooms, is no part of that.
  const html = await (await page.request.get(server.url)).text();
  const named = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map((found) => found[1] ?? '');
  const shown = await page.evaluate(() =>
    performance.getEntriesByType('resource').filter(({ name }) => /\/assets\/(en|ko)-[^/]*\.js$/.test(name)).map(({ name }) => new URL(name).pathname),
  );
  expect(shown, 'one language, not both').toHaveLength(1);
  const sizeOf = async (path: string) => Number((await page.request.get(server.url + path)).headers()['content-length']);
  let bytes = 0;
  for (const path of new Set([...named, ...shown])) bytes += await sizeOf(path);
  const [lexer = ''] = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.includes('/markdown-')));
  expect(lexer, 'what reads Markdown is there, and a part of its own').not.toBe('');
  const inside = bytes + (await sizeOf(lexer));
  console.log(`first load: ${bytes} bytes of script, compressed; inside: ${inside}`);
  expect(bytes).toBeGreaterThan(30_000);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  expect(inside).toBeLessThanOrEqual(MOST_BYTES_INSIDE);
  // Before anybody reads anything it is not asked for.
  const bo = await Person.open(browser, 'Bo');
  await bo.page.goto(`${server.url}/sign-in`);
  await expect(bo.page.getByLabel('Your name')).toBeVisible();
  expect(await bo.page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('/markdown-')))).toBe(false);
  expect(ann.complaints).toEqual([]);
  await server.remove();
});
