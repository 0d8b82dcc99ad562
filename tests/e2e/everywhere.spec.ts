import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';
import { Yard } from './support/yard.ts';

const LOOKS = [
  { colorScheme: 'light', contrast: 'no-preference' },
  { colorScheme: 'dark', contrast: 'no-preference' },
  { colorScheme: 'light', contrast: 'more' },
  { colorScheme: 'dark', contrast: 'more' },
] as const;

let yard: Yard;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  yard = await Yard.open(browser);
});

test.afterAll(async () => {
  await yard?.close();
});

/** Each place of the page, and what is there once it is whole. */
function places(): readonly [string, string][] {
  const g = `/g/${yard.guild}`;
  const design = `${g}/r/${yard.rooms['디자인']}`;
  return [
    [`${g}/r/${yard.rooms['general']}`, '.keyword'],
    [`${g}/r/${yard.rooms['general']}/members`, 'aside li button'],
    [`${g}/r/${yard.rooms['general']}/pins`, 'aside li'],
    [`${g}/r/${yard.rooms['thread']}`, 'aside [data-seq]'],
    [`${g}/r/${yard.rooms['extreme']}`, '.keyword'],
    [`/dm/r/${yard.rooms['dm']}`, '[data-seq] .body'],
    ['/inbox', 'li a time'],
    ['/guilds', 'section li .button'],
    [`/g/${yard.rooms['Open Fonts']}`, 'section h1'],
    ['/welcome', 'section svg[role=img]'],
    ...['profile', 'account', 'tokens', 'look', 'notifications'].map((part): [string, string] => [`/settings/${part}`, '.part h2 ~ *']),
    ...['overview', 'roles', 'members', 'invites', 'bans', 'audit', 'end'].map((part): [string, string] => [`${g}/settings/${part}`, '.part h2 ~ *']),
    ...['overview', 'permissions'].map((part): [string, string] => [`${design}/settings/${part}`, '.part h2 ~ *']),
    ...['people', 'registration', 'audit', 'health'].map((part): [string, string] => [`/administration/${part}`, '.part h2 ~ *']),
  ];
}

async function violations(page: Page, where: string, isFirst: boolean): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  // Another look changes nothing but colours.
  const found = await (isFirst ? axe : axe.withRules(['color-contrast', 'link-in-text-block'])).analyze();
  return found.violations.map(({ id, nodes }) => `${where}: ${id} ${nodes.map((node) => node.html).join('\n')}`);
}

async function inEachLook(page: Page, where: string): Promise<string[]> {
  const told: string[] = [];
  for (const look of LOOKS) {
    await page.emulateMedia({ ...look, reducedMotion: 'reduce' });
    told.push(...(await violations(page, `${where}, ${look.colorScheme}, contrast ${look.contrast}`, look === LOOKS[0])));
  }
  return told;
}

const isRuling = (path: string) => /^.administration|^.settings|.settings./.test(path);

for (const part of ['talk', 'settings'] as const) {
  test(`every place of ${part} is accessible in light, dark and both with high contrast`, async ({ browser }) => {
    test.setTimeout(400_000);
    const person = await yard.visitor(browser, { locale: 'en' });
    const { page } = person;
    const told: string[] = [];
    for (const [path, ready] of places().filter(([path]) => isRuling(path) === (part === 'settings'))) {
      await page.goto(`${yard.server.url}${path}`);
      await page.locator(ready).first().waitFor();
      told.push(...(await inEachLook(page, path)));
    }
    expect(told).toEqual([]);
    expect(person.complaints).toEqual([]);
    await page.context().close();
  });
}

test('what strangers see is accessible in each of them, too', async ({ browser }) => {
  test.setTimeout(120_000);
  const fresh = await Server.start();
  const { page } = await Person.open(browser, 'Nobody');
  const told: string[] = [];
  const outside = [`${fresh.url}/setup`, fresh.setUpLink, `${yard.server.url}/sign-in`, `${yard.server.url}/invite/${yard.invite}`, `${yard.server.url}/invite/NOSUCHCODE`];
  for (const url of outside) {
    await page.goto('about:blank');
    await page.goto(url);
    await page.locator('h1').waitFor();
    told.push(...(await inEachLook(page, new URL(url).pathname)));
  }
  await fresh.remove();
  expect(told).toEqual([]);
  await page.context().close();
});

test('nothing is wider than a phone, and at twice the size nothing but the window is narrower', async ({ browser }) => {
  test.setTimeout(180_000);
  const { page } = await yard.visitor(browser, { locale: 'ko' });
  const wide: string[] = [];
  for (const [path, ready] of places()) {
    for (const size of [{ width: 360, height: 740 }, { width: 640, height: 400 }]) {
      await page.setViewportSize(size);
      if (size.width === 360) await page.goto(`${yard.server.url}${path}`);
      await page.locator(ready).first().waitFor();
      // Strips and code scroll by themselves; what stands in them is not the page's width.
      const most = await page.evaluate(() => {
        const scrolls = (one: Element | null): boolean => one !== null && (/auto|scroll|hidden|clip/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
        return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one.parentElement)).map((one) => one.className);
      });
      if (most.length > 0 || (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth))) wide.push(`${size.width} ${path}: ${most.join(' ')}`);
    }
  }
  expect(wide).toEqual([]);
  await page.context().close();
});

test('the focus is seen on whatever the Tab key reaches, in each look', async ({ browser }) => {
  test.setTimeout(180_000);
  const { page } = await yard.visitor(browser, { locale: 'en' });
  const g = `/g/${yard.guild}`;
  const unseen = new Set<string>();
  for (const look of LOOKS) {
    await page.emulateMedia({ ...look, reducedMotion: 'reduce' });
    for (const path of [`${g}/r/${yard.rooms['general']}/members`, `${g}/settings/roles`, '/settings/look']) {
      await page.goto(`${yard.server.url}${path}`);
      await page.locator('aside li button, .part h2 ~ *').first().waitFor();
      for (let step = 0; step < 40; step += 1) {
        await page.keyboard.press('Tab');
        const told = await page.evaluate(() => {
          const one = document.activeElement;
          if (one === null || one === document.body) return undefined;
          // The ring may stand around what is painted for it: a picture, a segment, a whole field.
          const rings = [one, one.nextElementSibling, ...one.children, one.closest('.card')].filter((part) => part !== null);
          const isSeen = rings.some((part) => {
            const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(part);
            return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || (part.matches('.card') && boxShadow !== 'none');
          });
          return isSeen ? undefined : one.outerHTML.slice(0, 160);
        });
        if (told !== undefined) unseen.add(`${look.colorScheme} ${look.contrast} ${path}: ${told}`);
      }
    }
  }
  expect([...unseen]).toEqual([]);
  await page.context().close();
});

test('who asks for less motion gets none', async ({ browser }) => {
  const { page } = await yard.visitor(browser, { locale: 'en' });
  await page.goto(`${yard.server.url}/g/${yard.guild}/r/${yard.rooms['general']}`);
  await page.locator('.keyword').first().waitFor();
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll('*')].filter((one) => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one);
      return /[1-9]/.test(transitionDuration) || animationName !== 'none' || scrollBehavior === 'smooth';
    }).length,
  );
  expect(moving).toBe(0);
  await page.context().close();
});
