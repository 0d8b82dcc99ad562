import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

/** More than the page holds at a time, so that both ends are cut. */
const MESSAGES = 420;

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async () => {
  await server?.remove();
});

async function fill(page: Page, url: string) {
  const room = /\/r\/(\w+)/.exec(page.url())?.[1];
  for (let at = 1; at <= MESSAGES; at += 1) {
    const answer = await page.request.post(`${url}/api/v1/rooms/${room}/messages`, {
      headers: { Origin: url },
      data: { text: `line ${at}` },
    });
    expect(answer.status()).toBe(201);
  }
}

/** How far a row moved on the screen while something was done. */
async function movedBy(page: Page, seq: number, run: () => Promise<unknown>): Promise<number> {
  const top = () => page.locator(`[data-seq="${seq}"]`).evaluate((row) => row.getBoundingClientRect().top);
  const before = await top();
  await run();
  return Math.abs((await top()) - before);
}

const firstSeq = (page: Page) => page.locator('[data-seq]').first().getAttribute('data-seq').then(Number);

test('older pages come by themselves, and the place one reads stays', async ({ browser }) => {
  test.setTimeout(120_000);
  const ann = await Person.open(browser, 'Ann', { reducedMotion: 'reduce' });
  const { page } = ann;
  await ann.setUp(server);
  await fill(page, server.url);
  await page.reload();
  await ann.hears(`line ${MESSAGES}`);
  await expect(ann.said(`line ${MESSAGES}`)).toBeInViewport();

  let first = await firstSeq(page);
  while (first > 1) {
    const before = first;
    // Near enough to the edge that the page reads on, and in sight all the time.
    await page.locator(`[data-seq="${before + 5}"]`).evaluate((row) => row.scrollIntoView({ block: 'center' }));
    const moved = await movedBy(page, before + 5, () => expect.poll(() => firstSeq(page)).toBeLessThan(before));
    expect(moved, `older than ${before}`).toBeLessThan(2);
    expect(await page.locator('[data-seq]').count()).toBeLessThanOrEqual(300);
    first = await firstSeq(page);
  }
  await expect(page.getByText('This is where general begins.')).toBeAttached();

  // What others write meanwhile does not move the reader, and is counted.
  const top = await firstSeq(page);
  const still = await movedBy(page, top, async () => {
    await page.request.post(`${server.url}/api/v1/rooms/${/\/r\/(\w+)/.exec(page.url())?.[1]}/messages`, {
      headers: { Origin: server.url },
      data: { text: 'something new' },
    });
    await expect(page.getByRole('button', { name: '1 new message' })).toBeVisible();
  });
  expect(still).toBeLessThan(2);
  await page.getByRole('button', { name: '1 new message' }).click();
  await expect(ann.said('something new')).toBeInViewport();
  await expect(page.getByRole('button', { name: /new message|present/ })).toBeHidden();
});
