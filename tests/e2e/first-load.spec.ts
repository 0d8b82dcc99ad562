import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

const MOST_BYTES = 90_000;

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
  let bytes = 0;
  for (const path of new Set([...named, ...shown])) {
    const answer = await page.request.get(server.url + path);
    bytes += Number(answer.headers()['content-length']);
  }
  console.log(`first load: ${bytes} bytes of script, compressed`);
  expect(bytes).toBeGreaterThan(30_000);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  expect(ann.complaints).toEqual([]);
  await server.remove();
});
