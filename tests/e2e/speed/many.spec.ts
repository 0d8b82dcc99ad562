import { expect, test, type Page } from '@playwright/test';
import { Person } from '../support/person.ts';
import { Server } from '../support/server.ts';
import { framesWhile, tell } from './frames.ts';

/** Against the real binary: 1,000 channels and 5,000 members. Making them takes minutes, so fewer can be asked for. */
const ROOMS = Number(process.env['MADANG_ROOMS'] ?? 1_000);
const MEMBERS = Number(process.env['MADANG_MEMBERS'] ?? 5_000);
const AT_ONCE = 8;
const FRAME_MS = 25;

test.describe.configure({ mode: 'serial', timeout: 1_200_000 });

let server: Server;
let ann: Person;
let room = '';

async function each(count: number, work: (at: number) => Promise<void>) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Asked again when it was too often. */
async function post(path: string, data: object, headers: Record<string, string> = {}) {
  for (;;) {
    const answer = await fetch(`${server.url}/api/v1${path}`, { method: 'POST', body: JSON.stringify(data), headers: { 'Content-Type': 'application/json', Origin: server.url, ...headers } });
    if (answer.ok) return;
    expect(answer.status, await answer.text()).toBe(429);
    await new Promise((resolve) => setTimeout(resolve, 1_000 * Number(answer.headers.get('Retry-After') ?? 1)));
  }
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(1_800_000);
  server = await Server.start();
  [ann] = (await Person.gather(browser, server, 'Ann')) as [Person];
  room = ann.room;
  const guild = /\/g\/(\w+)/.exec(ann.page.url())?.[1] ?? '';
  const cookies = await ann.page.context().cookies();
  const headers = { Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') };
  const code = (await ann.invite()).split('/').pop() ?? '';
  await ann.page.goto('about:blank');
  await each(ROOMS - 1, (at) => post(`/guilds/${guild}/channels`, { name: `room-${at}` }, headers));
  await each(MEMBERS - 1, (at) => post(`/invites/${code}/accept`, { name: `member ${at}`, password: 'madang-madang' }));
  for (let at = 0; at < 40; at += 1) await post(`/rooms/${room}/messages`, { text: `line ${at}` }, headers);
});

test.afterAll(async () => {
  await server?.remove();
});

const shown = (page: Page) => page.getByRole('navigation', { name: 'Channels' }).locator('li a').count();

test('it opens', async () => {
  const { page } = ann;
  const start = Date.now();
  await page.goto(`${server.url}/r/${room}`);
  await ann.hears('line 39');
  const read = Date.now() - start;
  await expect.poll(() => shown(page)).toBeGreaterThanOrEqual(Math.min(ROOMS, 1_000));
  console.log(`open: messages after ${read} ms, ${await shown(page)} channels after ${Date.now() - start} ms`);
  expect(read).toBeLessThan(5_000);
});

test('a room that was looked at before is there within 50 ms, without a blank frame', async () => {
  const { page } = ann;
  await ann.channel('room-7 ').or(ann.channel('room-7$')).first().click();
  await ann.composer.waitFor();
  await ann.say('Here as well');
  await ann.hasSent('Here as well');
  const times: number[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const name = turn % 2 === 0 ? 'general' : 'room-7';
    const { ms, blank } = await page.evaluate(async (to) => {
      const link = [...document.querySelectorAll<HTMLElement>('nav a')].find((one) => one.querySelector('.name')?.textContent === to);
      const start = performance.now();
      link?.click();
      for (let blank = 0; ; ) {
        await new Promise(requestAnimationFrame);
        const log = document.querySelector('[role=log]');
        const isFull = (log?.querySelectorAll('[data-seq]').length ?? 0) > 0;
        if (!isFull) blank += 1;
        if (isFull && log?.getAttribute('aria-label') === `Messages in ${to}`) return { ms: performance.now() - start, blank };
      }
    }, name);
    expect(blank, `${name}, turn ${turn}`).toBe(0);
    times.push(ms);
  }
  expect(tell('switch to a cached room', times).median).toBeLessThanOrEqual(50);
});

test('all members are scrolled through', async () => {
  const { page } = ann;
  const start = Date.now();
  await page.getByRole('link', { name: 'Members' }).click();
  const panel = page.getByRole('complementary', { name: 'Members' });
  await panel.getByRole('button', { name: /member/ }).first().waitFor();
  console.log(`members: the first after ${Date.now() - start} ms`);
  const frames = await framesWhile(panel.locator('.scroller'), 180, 200);
  const { median } = tell('frames while the members scroll', frames);
  expect(await panel.getByRole('listitem').count()).toBeLessThanOrEqual(100);
  expect(median).toBeLessThanOrEqual(FRAME_MS);
});
