import { mkdir, writeFile } from 'node:fs/promises';
import { test, type Browser, type Page } from '@playwright/test';
import { Yard } from '../support/yard.ts';

/** The pictures that the README shows, small enough for a repository: `npm run readme-pictures`. */
const FOLDER = new URL('../../../docs/pictures/', import.meta.url).pathname;
/** When the last thing in them was said. */
const NOW = Date.parse('2026-11-20T05:52:00Z');
const MINUTE = 60_000;
const CAME = 4_000;
const DESK = { viewport: { width: 1200, height: 750 }, deviceScaleFactor: 1.5 };

let yard: Yard;

test.skip(process.env['README_PICTURES'] === undefined, 'these replace committed files');

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  yard = await Yard.open(browser);
  // What is only there to be too long does not belong to a team.
  for (const room of ['extreme', '비어 있는 곳']) await yard.ask('김하늘', 'DELETE', `/rooms/${yard.rooms[room]}`);
  await mkdir(FOLDER, { recursive: true });
});

test.afterAll(async () => {
  await yard?.close();
});

/** A team does not say everything in the same second: what the server sends is moved to when it is meant to have been. */
function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== 'object' || value === null) return value;
  const all = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, moved(part)]));
  const { room, seq, at, id, n } = all;
  const known = yard.ages[`${String(room ?? id)} ${String(room === undefined ? n : seq)}`];
  // What has no time of its own is how everybody came.
  const age = typeof at !== 'string' ? undefined : (known ?? ('text' in all ? CAME : undefined));
  if (age !== undefined) all['at'] = new Date(NOW - age * MINUTE).toISOString();
  return all;
}

async function atTheirTimes(page: Page) {
  await page.clock.install({ time: NOW + MINUTE });
  await page.routeWebSocket(/gateway/, (route) => {
    const server = route.connectToServer();
    server.onMessage((frame) => { route.send(JSON.stringify(moved(JSON.parse(String(frame))))); });
  });
}

/** A third of what PNG needs, and as crisp. */
async function packed(browser: Browser, png: Buffer): Promise<Buffer> {
  const page = await browser.newPage();
  const webp = await page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext('2d')?.drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.92 });
    let text = '';
    for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  }, png.toString('base64'));
  await page.close();
  return Buffer.from(webp, 'base64');
}

const PICTURES = [
  { name: 'talk-light', path: () => `/r/${yard.rooms['thread']}`, options: { ...DESK, colorScheme: 'light', locale: 'en' } },
  { name: 'talk-dark', path: () => `/r/${yard.rooms['thread']}`, options: { ...DESK, colorScheme: 'dark', locale: 'en' } },
  { name: 'korean', path: () => `/r/${yard.rooms['general']}/members`, options: { ...DESK, colorScheme: 'light', locale: 'ko' } },
  { name: 'phone-light', path: () => `/r/${yard.rooms['general']}`, options: { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, colorScheme: 'light', locale: 'ko', isMobile: true, hasTouch: true } },
  { name: 'phone-dark', path: () => `/r/${yard.rooms['general']}`, options: { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, colorScheme: 'dark', locale: 'ko', isMobile: true, hasTouch: true } },
] as const;

for (const { name, path, options } of PICTURES) {
  test(name, async ({ browser }) => {
    // The team is at work while the picture is taken.
    const others = await Promise.all(['이서준', '박지우', 'Mina Weber'].map((who) => yard.visitor(browser, {}, who)));
    for (const { page } of others) {
      await page.goto(`${yard.server.url}/g/${yard.guild}/r/${yard.rooms['general']}`);
      await page.locator('textarea').waitFor();
    }
    const { page } = await yard.visitor(browser, { timezoneId: 'Asia/Seoul', ...options });
    await atTheirTimes(page);
    await page.goto(`${yard.server.url}/g/${yard.guild}${path()}`);
    await page.locator('.keyword').first().waitFor();
    if (!('isMobile' in options)) await page.locator('aside li button, aside [data-seq]').first().waitFor();
    await page.evaluate(() => document.fonts.ready);
    await page.waitForLoadState('networkidle');
    const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    await writeFile(`${FOLDER}${name}.webp`, await packed(browser, picture));
    for (const other of [...others.map((one) => one.page), page]) await other.context().close();
  });
}
