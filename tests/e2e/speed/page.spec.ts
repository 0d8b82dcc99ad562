import { expect, test, type Page } from '@playwright/test';
import { framesWhile, tell } from './frames.ts';

const URL = 'http://127.0.0.1:4190';
/** A frame at 60 a second, and a half: what is later than this is seen. */
const FRAME_MS = 25;

async function signIn(page: Page) {
  await page.goto(`${URL}/sign-in`);
  await page.locator('input[name=name]').fill('김하늘');
  await page.locator('input[name=password]').fill('madang-madang');
  await page.locator('input[name=password]').press('Enter');
  await page.locator('nav li').first().waitFor();
}

test('a room of 10,000 messages scrolls at the rate of the display', async ({ page }) => {
  await signIn(page);
  await page.getByRole('link', { name: /^many/ }).click();
  await page.locator('[data-seq="10000"]').waitFor();
  const { frames, from } = await page.getByRole('log').evaluate(async (log) => {
    const frames: number[] = [];
    let from = Infinity;
    let before = await new Promise<number>(requestAnimationFrame);
    const end = before + 12_000;
    while (before < end) {
      log.scrollTop -= 60;
      const now = await new Promise<number>(requestAnimationFrame);
      frames.push(now - before);
      before = now;
      from = Math.min(from, Number(log.querySelector<HTMLElement>('[data-seq]')?.dataset['seq']));
    }
    return { frames, from };
  });
  const { median, late } = tell('frames while scrolling', frames);
  console.log(`scrolled from 10000 to ${from}`);
  expect(from, 'older pages came in time').toBeLessThan(9_500);
  expect(median).toBeLessThanOrEqual(FRAME_MS);
  expect(late).toBeLessThanOrEqual(2 * FRAME_MS);
  expect(await page.locator('[data-seq]').count()).toBeLessThanOrEqual(300);
});

test('a room that was looked at before is there within 50 ms, without a blank frame', async ({ page }) => {
  await signIn(page);
  const names = ['general', 'many'] as const;
  for (const name of names) {
    await page.getByRole('link', { name: new RegExp(`^${name}`) }).first().click();
    await page.getByRole('log', { name: `Messages in ${name}` }).locator('[data-seq]').first().waitFor();
  }
  const times: number[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const name = names[turn % 2] ?? 'general';
    const { ms, blank } = await page.evaluate(async (to) => {
      const link = [...document.querySelectorAll<HTMLElement>('nav a')].find((one) => one.querySelector('.name')?.textContent === to);
      const shows = () => {
        const log = document.querySelector('[role=log]');
        const rows = [...(log?.querySelectorAll('[data-seq]') ?? [])];
        const { top = 0, bottom = 0 } = log?.getBoundingClientRect() ?? {};
        const inSight = rows.filter((row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom);
        return { isThere: log?.getAttribute('aria-label') === `Messages in ${to}` && inSight.length > 3, isBlank: inSight.length === 0 };
      };
      const start = performance.now();
      link?.click();
      let blank = 0;
      for (;;) {
        await new Promise(requestAnimationFrame);
        const { isThere, isBlank } = shows();
        if (isBlank) blank += 1;
        if (isThere) return { ms: performance.now() - start, blank };
      }
    }, name);
    expect(blank, `${name}, turn ${turn}`).toBe(0);
    times.push(ms);
  }
  // The usual one: on a machine that does other things as well, single frames are late for reasons of their own.
  expect(tell('switch to a cached room', times).median).toBeLessThanOrEqual(50);
});

test('1,000 rooms are listed, scrolled and searched without waiting', async ({ page }) => {
  await signIn(page);
  await expect.poll(() => page.locator('nav li a').count()).toBeGreaterThanOrEqual(1_000);
  const frames = await framesWhile(page.locator('nav .list').first(), 180, 120);
  expect(tell('frames while the list scrolls', frames).late).toBeLessThanOrEqual(2 * FRAME_MS);
  await page.keyboard.press('Control+k');
  const field = page.getByRole('dialog').getByRole('combobox').or(page.getByRole('dialog').locator('input')).first();
  await field.waitFor();
  const times: number[] = [];
  for (const letter of 'room 77') {
    times.push(
      await field.evaluate(async (input: HTMLInputElement, typed) => {
        const start = performance.now();
        input.value += typed;
        input.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise(requestAnimationFrame);
        await new Promise((resolve) => setTimeout(resolve));
        return performance.now() - start;
      }, letter),
    );
  }
  expect(tell('a letter in the switcher', times).late).toBeLessThanOrEqual(100);
});
