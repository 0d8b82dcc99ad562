import { test, type Page } from '@playwright/test';
import { Person } from '../support/person.ts';
import { Server } from '../support/server.ts';
import { Yard } from '../support/yard.ts';

/** Pictures of people talking, of the real server: every page and state of it that is not about running a place. */
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const LOOKS = [
  { colorScheme: 'light', locale: 'ko' },
  { colorScheme: 'dark', locale: 'en' },
  { colorScheme: 'light', locale: 'en' },
  { colorScheme: 'dark', locale: 'ko' },
] as const;

let yard: Yard;
/** A server that nobody has set up yet, and then one person alone. */
let fresh: Server;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  yard = await Yard.open(browser);
  fresh = await Server.start();
});

test.afterAll(async () => {
  await yard?.close();
  await fresh?.remove();
});

/** Answers one kind of request in the server's place, or leaves it without an answer. */
async function meddle(page: Page, op: string, answer: object | undefined) {
  await page.routeWebSocket(/gateway/, (route) => {
    const server = route.connectToServer();
    route.onMessage((frame) => {
      const asked = JSON.parse(String(frame)) as { id: number; op: string };
      if (asked.op !== op) server.send(frame);
      else if (answer !== undefined) route.send(JSON.stringify({ id: asked.id, ...answer }));
    });
  });
}

for (const [row, viewport] of SIZES.entries()) {
  for (const [column, { colorScheme, locale }] of LOOKS.entries()) {
    const name = `${viewport.width}-${colorScheme}-${locale}`;
    const isPhone = viewport.width < 720;
    // What looks the same everywhere is taken once for each size, and never twice alike.
    const isWhole = row === column || (isPhone && column === 1);
    test(name, async ({ browser }) => {
      test.setTimeout(90_000);
      const { page } = await yard.visitor(browser, { viewport, colorScheme, locale, hasTouch: isPhone, isMobile: isPhone });
      const { url } = yard.server;
      const g = `/g/${yard.guild}`;
      const shot = (what: string) => page.screenshot({ path: `results/states-${name}-${what}.png`, animations: 'disabled' });
      const visit = async (path: string, what: string, ready: string) => {
        await page.goto(`${url}${path}`);
        await page.locator(ready).first().waitFor();
        await page.evaluate(() => document.fonts.ready);
        if (what !== '') await shot(what);
      };
      const room = (called: string) => `${g}/r/${yard.rooms[called]}`;
      const here = '[data-seq] .body';
      await visit(room('general'), 'room', '.keyword');
      await visit(`${g}/r/${yard.rooms['thread']}`, 'thread', 'aside [data-seq]');
      await visit(`${room('general')}/members`, 'members', 'aside li button');
      await visit('/inbox', 'inbox', 'li a time');
      await visit(isPhone ? '/dm' : `/dm/r/${yard.rooms['dm']}`, 'dms', isPhone ? 'nav .list li a' : here);
      if (isPhone) await visit(g, 'list', 'nav .list li a');
      if (!isWhole) return void (await page.context().close());

      await visit(`${room('general')}/pins`, 'pins', 'aside li');
      await visit(`${room('점심')}/pins`, 'no-pins', 'aside .empty');
      await visit(room('비어 있는 곳'), 'empty-room', 'textarea');
      await visit(room('extreme'), 'extreme', '.keyword');
      await visit(room('공지'), 'announcement', here);
      await visit(`/dm/r/${yard.rooms['noor']}`, 'rtl', here);
      await visit('/guilds', 'guilds', 'section li .button');
      await visit(`/g/${yard.rooms['Open Fonts']}`, 'join', 'section h1');
      await visit(`${g}/r/${'0'.repeat(26)}`, 'not-found', '.failure');
      for (const part of ['profile', 'account', 'tokens', 'look', 'notifications']) await visit(`/settings/${part}`, `settings-${part}`, '.part h2 ~ *');
      await dialogs(page, shot, isPhone, () => visit(room('general'), '', '.keyword'));
      await page.goto(`${url}/dm`);
      await page.locator('nav .label .icon-button').first().click();
      await page.locator('dialog input').first().waitFor();
      await shot('new-conversation');
      await visit(room('general'), '', '.keyword');
      await page.context().setOffline(true);
      await page.locator('footer .line p').waitFor();
      await shot('offline');
      await page.context().setOffline(false);
      await meddle(page, 'history', { error: { code: 'internal', message: '' } });
      await visit(room('general'), 'load-failed', '.failure');
      await page.context().close();
    });
    if (isWhole) test(`${name}, outside`, async ({ browser }) => {
      const { page } = await Person.open(browser, '', { viewport, colorScheme, locale, reducedMotion: 'reduce', hasTouch: isPhone, isMobile: isPhone });
      await page.addInitScript(() => localStorage.setItem('madang.letters', '1'));
      const shot = (what: string) => page.screenshot({ path: `results/states-${name}-${what}.png`, animations: 'disabled' });
      const send = async (values: readonly string[]) => {
        for (const [at, value] of values.entries()) await page.locator('form input').nth(at).fill(value);
        await page.locator('form .primary').click();
        await page.locator('form :is(.error, [aria-live] p)').first().waitFor();
      };
      await page.goto(`${fresh.url}/setup`);
      await page.locator('h1').waitFor();
      await shot('setup-no-token');
      await page.goto(`${fresh.url}/setup#token=wrong`);
      await page.locator('form').waitFor();
      await shot('setup');
      await send(['마당', '한옥 스튜디오', '김하늘', 'madang-madang']);
      await shot('setup-error');
      await page.goto(`${yard.server.url}/sign-in`);
      await page.locator('form').waitFor();
      await shot('sign-in');
      await send(['김하늘', 'not-this-one']);
      await shot('sign-in-error');
      await page.goto(`${yard.server.url}/invite/${yard.invite}`);
      await page.locator('form').waitFor();
      await shot('invite');
      await page.goto(`${yard.server.url}/invite/NOSUCHCODE`);
      await page.locator('h1').waitFor();
      await page.waitForLoadState('networkidle');
      await shot('invite-gone');
      await page.context().close();
    });
  }
}

async function dialogs(page: Page, shot: (what: string) => Promise<unknown>, isPhone: boolean, visit: () => Promise<void>) {
  const close = () => page.keyboard.press('Escape');
  await visit();
  const liked = page.locator('[data-seq]', { has: page.locator('.keyword') });
  const edited = page.locator('[data-seq]', { has: page.locator('button.edited') });
  if (!isPhone) {
    await liked.hover();
    await shot('hover');
  }
  await liked.focus();
  await page.keyboard.press('Enter');
  await page.locator('[popover] .item').first().waitFor();
  await shot('message-menu');
  await page.getByRole('button', { name: /반응한 사람 보기|See who reacted/ }).click();
  await page.locator('dialog li').first().waitFor();
  await shot('reactors');
  await close();
  await edited.locator('button.edited').click();
  await page.locator('dialog li').first().waitFor();
  await shot('revisions');
  await close();
  await liked.focus();
  await page.keyboard.press('Delete');
  await page.locator('dialog .danger').waitFor();
  await shot('delete');
  await close();
  await liked.focus();
  await page.keyboard.press('KeyJ');
  await page.locator('input[type=date]').waitFor();
  await shot('date');
  await close();
  await page.locator('button.name', { hasText: '박지우' }).first().click();
  await page.locator('[popover]').first().waitFor();
  await shot('card');
  await close();
  await page.locator('footer .icon-button').first().click();
  await page.locator('.picker .grid').first().waitFor();
  await shot('emoji');
  await close();
  await page.locator('textarea').first().pressSequentially('@');
  await page.getByRole('option').first().waitFor();
  await shot('suggestions');
  await close();
  await page.locator('textarea').first().fill('');
  await page.keyboard.press('Control+KeyK');
  await page.locator('dialog [role=option]').first().waitFor();
  await shot('switcher');
  await close();
  await page.keyboard.press('Control+/');
  await page.locator('dialog kbd').first().waitFor();
  await shot('keys');
  await close();
}
