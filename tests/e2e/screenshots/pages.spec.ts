import { test, type Page, type WebSocketRoute } from '@playwright/test';

const FULL = 'http://127.0.0.1:4180';
const EMPTY = 'http://127.0.0.1:4181';
const GUILDS = 'http://127.0.0.1:4182';
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
  { width: 1440, height: 900 },
  { width: 1920, height: 1080 },
];

type Shot = (what: string) => Promise<unknown>;

async function signIn(page: Page) {
  await page.locator('input[name=name]').fill('김하늘');
  await page.locator('input[name=password]').fill('madang-madang');
  await page.locator('input[name=password]').press('Enter');
  await page.locator('nav li').first().waitFor();
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
        const shot = (what: string) => page.screenshot({ path: `results/${name}-${what}.png`, animations: 'disabled' });
        await page.goto(`${EMPTY}/setup#token=fake`);
        await page.locator('form').waitFor();
        await shot('setup');
        await page.goto(`${FULL}/sign-in`);
        await page.locator('input').first().waitFor();
        await shot('sign-in');
        await signIn(page);
        await pictures(page, shot, isPhone);
        await page.goto(`${GUILDS}/sign-in`);
        await signIn(page);
        if (!isPhone) await page.locator('[data-seq]').first().waitFor();
        await shot('guilds');
        await extremes(page, shot, isPhone);
        await context.close();
      });
    }
  }
}

async function extremes(page: Page, shot: Shot, isPhone: boolean) {
  await page.getByRole('link', { name: /^a-channel/ }).click();
  await page.locator('[data-seq="8"]').waitFor();
  await page.locator('.keyword').first().waitFor();
  await shot('extreme');
  await page.locator('[data-seq="1"]').scrollIntoViewIfNeeded();
  await shot('extreme-top');
  await page.evaluate(() => {
    localStorage.setItem('madang.density', 'compact');
    localStorage.setItem('madang.contrast', 'more');
  });
  await page.reload();
  await page.locator('[data-seq="8"]').waitFor();
  await page.locator('.keyword').first().waitFor();
  await shot('compact-contrast');
  await page.evaluate(() => {
    localStorage.removeItem('madang.contrast');
  });
  await page.reload();
  await page.locator('[data-seq="8"]').waitFor();
  if (isPhone) await page.goto(`${GUILDS}/`);
  await page.getByRole('link', { name: /^general/ }).first().click();
  await page.locator('[data-seq]').nth(-3).waitFor();
  await shot('compact');
  await page.locator('textarea').fill('긴 글이에요. '.repeat(700));
  await page.locator('.over').waitFor();
  await shot('too-long');
  await page.locator('textarea').fill('');
  await page.getByRole('button', { name: /이모지 넣기|Add emoji/ }).click();
  await page.locator('.picker .grid').first().waitFor();
  await shot('picker');
  await page.keyboard.press('Escape');
}

async function pictures(page: Page, shot: Shot, isPhone: boolean) {
  let gateway: WebSocketRoute | undefined;
  let isCut = false;
  await page.routeWebSocket(/gateway/, (route) => {
    gateway = route;
    if (isCut) void route.close({ code: 4006 });
    else route.connectToServer();
  });
  await page.reload();
  await page.locator('nav li').first().waitFor();
  if (isPhone) {
    await shot('channels');
    await page.getByRole('link', { name: 'general' }).tap();
  }
  await page.locator('[data-seq]').first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  await shot('room');
  const row = page.locator('[data-seq]').nth(-4);
  if (isPhone) await row.dispatchEvent('pointerdown', { pointerType: 'touch', bubbles: true });
  else await row.hover();
  await page.locator('[role=toolbar], [popover]').first().waitFor();
  await shot('actions');
  await page.keyboard.press('Escape');

  if (isPhone) await page.goto(`${FULL}/`);
  await page.getByRole('link', { name: /^소식/ }).click();
  await page.locator('.new').waitFor();
  await shot('unread');

  await page.locator('textarea').fill('!refuse 너무 긴 글은 여기서 멈춰요');
  await page.locator('.send').click();
  await page.getByRole('alert').waitFor();
  isCut = true;
  await gateway?.close({ code: 4006 });
  await page.locator('textarea').fill('연결되면 갈 글이에요');
  await page.locator('.send').click();
  await page.locator('.clock').waitFor();
  await page.locator('footer .line p').waitFor();
  await shot('cut');
  isCut = false;

  await page.goto(`${FULL}/`);
  await page.locator('nav footer button').click();
  await page.locator('[popover] .item').first().waitFor();
  await shot('own-menu');
  await page.keyboard.press('Escape');
  await page.locator('nav header button').click();
  await page.locator('[popover] .item').first().waitFor();
  await shot('menu');
  await page.locator('[popover] .item').first().click();
  await page.locator('dialog input').waitFor();
  await shot('invite');
  await page.keyboard.press('Escape');

  await page.goto(`${FULL}/dm`);
  await page.locator('nav .list li a').first().waitFor();
  if (!isPhone) await page.locator('[data-seq]').first().waitFor();
  await shot('conversations');
}
