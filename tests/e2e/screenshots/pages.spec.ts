import { test, type Page } from '@playwright/test';

const FULL = 'http://127.0.0.1:4180';
const EMPTY = 'http://127.0.0.1:4181';
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

async function signIn(page: Page) {
  await page.locator('input[name=name]').fill('김하늘');
  await page.locator('input[name=password]').fill('madang-madang');
  await page.locator('input[name=password]').press('Enter');
}

for (const size of SIZES) {
  for (const theme of ['light', 'dark'] as const) {
    for (const locale of ['ko', 'en']) {
      const name = `${size.width}-${theme}-${locale}`;
      test(name, async ({ browser }) => {
        const isPhone = size.width < 720;
        const context = await browser.newContext({
          viewport: size,
          colorScheme: theme,
          locale,
          reducedMotion: 'reduce',
          hasTouch: isPhone,
          isMobile: isPhone,
        });
        const page = await context.newPage();
        // As on every visit but the first: with the page's own letters.
        await page.addInitScript(() => localStorage.setItem('madang.letters', '1'));
        const shot = (what: string) => page.screenshot({ path: `results/${name}-${what}.png` });
        await page.goto(`${EMPTY}/setup#token=fake`);
        await page.locator('form').waitFor();
        await shot('setup');
        await page.goto(`${FULL}/sign-in`);
        await page.locator('input').first().waitFor();
        await shot('sign-in');
        await signIn(page);
        await pictures(page, shot, isPhone);
        await context.close();
      });
    }
  }
}

async function pictures(page: Page, shot: (what: string) => Promise<unknown>, isPhone: boolean) {
  await page.locator('nav li').first().waitFor();
  if (isPhone) {
    await shot('channels');
    await page.locator('nav li a').first().tap();
  }
  await page.locator('[data-seq]').first().waitFor();
  await page.waitForTimeout(300);
  await shot('room');
  const row = page.locator('[data-seq]').nth(-4);
  if (isPhone) await row.dispatchEvent('pointerdown', { pointerType: 'touch', bubbles: true });
  else await row.hover();
  await page.waitForTimeout(isPhone ? 600 : 100);
  await shot('actions');
  await page.keyboard.press('Escape');
  if (isPhone) await page.goto(`${FULL}/`);
  await page.locator('nav header button').click();
  await page.waitForTimeout(100);
  await shot('menu');
  await page.locator('[popover] .item').first().click();
  await page.waitForTimeout(150);
  await shot('invite');
}
