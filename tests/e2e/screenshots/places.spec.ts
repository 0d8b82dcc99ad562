import { test, type Page } from '@playwright/test';
import { Person } from '../support/person.ts';
import { Server } from '../support/server.ts';

/** Pictures of what runs a place, of the real server: settings, people, administration, with usual and extreme data. */
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
const NAMES = ['이서준', 'Mina Weber', '최도윤', 'نور الدين', 'Bartholomew Featherstonehaugh', '박지우', 'Jo', '정하은', 'Olu Adeyemi', '한결'];
const LONG = 'A channel whose name is as long as the server lets it be, 64 of';

let server: Server;
let ann: Person;
let guild: string;
let closed: string;

async function ask(page: Page, method: string, path: string, data: object = {}): Promise<Record<string, string>> {
  const answer = await page.request.fetch(`${server.url}/api/v1${path}`, { method, data, headers: { Origin: server.url } });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.status() === 204 ? {} : ((await answer.json()) as Record<string, string>);
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  server = await Server.start();
  ann = await Person.open(browser, '김하늘');
  await ann.setUp(server);
  const { page } = ann;
  guild = /\/g\/(\w+)/.exec(page.url())?.[1] ?? '';
  const code = (await ask(page, 'POST', '/invites', { guild }))['code'] ?? '';
  const ids: string[] = [];
  for (const name of NAMES) {
    const other = await browser.newContext();
    const made = await other.request.fetch(`${server.url}/api/v1/invites/${code}/accept`, { method: 'POST', data: { name, password: 'madang-madang' }, headers: { Origin: server.url } });
    ids.push(((await made.json()) as { user: { id: string } }).user?.id ?? '');
    await other.close();
  }
  const categories: string[] = [];
  for (const name of ['프로젝트', 'Off topic']) categories.push((await ask(page, 'POST', `/guilds/${guild}/categories`, { name }))['id'] ?? '');
  const channels = ['공지', '디자인', 'release-0.1', LONG, '점심', 'random'];
  for (const [at, name] of channels.entries()) {
    const { id = '' } = await ask(page, 'POST', `/guilds/${guild}/channels`, { name, topic: '화면과 글, 색과 소리' });
    await ask(page, 'PATCH', `/rooms/${id}`, { position: at + 1, ...(at === 0 ? { is_announcement: true } : { category: categories[at < 4 ? 0 : 1] }) });
    if (name === '디자인') closed = id;
  }
  const roles: string[] = [];
  for (const [name, colour] of [['길잡이', '#2f7d4f'], ['디자이너', '#b0447a']] as const) roles.push((await ask(page, 'POST', `/guilds/${guild}/roles`, { name, colour, permissions: ['pin', 'kick'] }))['id'] ?? '');
  for (const [at, user] of ids.entries()) if (at % 3 > 0 && user !== '') await ask(page, 'PUT', `/guilds/${guild}/members/${user}/roles`, { roles: [roles[at % 2]] });
  await ask(page, 'PUT', `/rooms/${closed}/overrides/roles/${guild}`, { deny: ['view'] });
  await ask(page, 'PUT', `/rooms/${closed}/overrides/roles/${roles[1] ?? ''}`, { allow: ['view', 'pin'], deny: ['react'] });
  await ask(page, 'PUT', `/guilds/${guild}/bans/${ids[8] ?? ''}`, { reason: '광고' });
  await ask(page, 'PUT', '/me/custom-status', { text: '회의 중이에요', emoji: '☕' });
});

test.afterAll(async () => {
  await server?.remove();
});

for (const viewport of SIZES) {
  for (const { colorScheme, locale } of LOOKS) {
    const name = `${viewport.width}-${colorScheme}-${locale}`;
    test(name, async ({ browser }) => {
      const isPhone = viewport.width < 720;
      const state = await ann.page.context().storageState();
      const person = await Person.open(browser, '김하늘', { viewport, colorScheme, locale, reducedMotion: 'reduce', storageState: state, hasTouch: isPhone, isMobile: isPhone });
      const { page } = person;
      await page.addInitScript((chosen) => {
        localStorage.setItem('madang.letters', '1');
        localStorage.setItem('madang.locale', chosen);
      }, locale);
      const shot = (what: string) => page.screenshot({ path: `results/places-${name}-${what}.png`, animations: 'disabled' });
      const visit = async (path: string, what: string, ready: string) => {
        await page.goto(`${server.url}${path}`);
        await page.locator(ready).first().waitFor();
        await page.evaluate(() => document.fonts.ready);
        await shot(what);
      };
      const g = `/g/${guild}`;
      await visit(isPhone ? g : `${g}/r/${closed}`, 'list', 'nav li a');
      await visit(`${g}/r/${closed}/members`, 'panel', 'aside li button');
      await visit('/welcome', 'welcome', 'section svg[role=img]');
      await visit(`${g}/settings/overview`, 'overview', 'form');
      await visit(`${g}/settings/roles`, 'roles', '[aria-pressed] .colour');
      await page.locator('button:has(.colour)').nth(2).click();
      await page.locator('input[type=color]').waitFor();
      await shot('role');
      await visit(`${g}/settings/members`, 'members', '.person');
      await page.locator('.person button:enabled').first().click();
      await page.locator('[popover] .item').first().waitFor();
      await shot('member-menu');
      await page.locator('[popover] .item').last().click();
      await page.locator('dialog input').first().waitFor();
      await shot('ban');
      await visit(`${g}/settings/invites`, 'invites', '.part li');
      await visit(`${g}/settings/audit`, 'audit', '.part li');
      await visit(`${g}/settings/end`, 'end', '.danger');
      await visit(`${g}/r/${closed}/settings/overview`, 'room', 'form');
      await visit(`${g}/r/${closed}/settings/permissions`, 'permissions', '.part li button');
      await page.locator('.part li button').last().click();
      await page.locator('.rule').first().waitFor();
      await shot('exception');
      await visit('/administration/people', 'accounts', '.person');
      await visit('/administration/registration', 'registration', 'form');
      await visit('/administration/health', 'health', 'dl div');
      await page.goto(`${server.url}${g}`);
      // Entering a room takes the focus, and with it closes what is open.
      await page.locator(isPhone ? 'nav footer button' : 'textarea').first().waitFor();
      await page.locator('nav footer button').click();
      await page.locator('[popover] .item').first().waitFor();
      await shot('own-menu');
      await page.locator('[popover] .item').nth(4).click();
      await page.locator('dialog select').waitFor();
      await shot('words');
      await page.keyboard.press('Escape');
      await page.locator('nav .label .icon-button').first().click();
      await page.locator('dialog form input').first().waitFor();
      await shot('new-channel');
      await page.context().close();
    });
  }
}
