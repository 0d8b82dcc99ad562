import { expect, type Browser, type BrowserContextOptions, type Locator, type Page } from '@playwright/test';
import { standIn } from './page.ts';
import type { Server } from './server.ts';

/** Where somebody finds the server: at its own address, or behind something. */
type Place = { url: string };

const PASSWORD = 'madang-madang';

/** Somebody with a browser of their own, who does what people do. */
export class Person {
  /** What the browser complained about. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly name: string,
  ) {
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (entry) => {
      if (entry.type() === 'error' || entry.type() === 'warning') this.complaints.push(entry.text());
    });
  }

  static async open(browser: Browser, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext({ locale: 'en', ...options });
    await standIn(context);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    return new Person(await context.newPage(), name);
  }

  async setUp(server: Server, place = 'Yard', guild = 'Hanok'): Promise<void> {
    const { page } = this;
    await page.goto(server.setUpLink);
    await page.getByLabel('Name of this place').fill(place);
    await page.getByLabel('Name of your first guild').fill(guild);
    await page.getByLabel('Your name').fill(this.name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('link', { name: 'Go to the first channel' }).click();
    await this.isInside();
  }

  async invite(): Promise<string> {
    const { page } = this;
    await page.getByRole('button', { name: /: menu/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Invite people' }).click();
    const link = page.getByLabel('Invite link');
    await expect(link).toHaveValue(/\/invite\//);
    const url = await link.inputValue();
    await page.getByRole('button', { name: 'Close' }).click();
    return url;
  }

  async accept(link: string): Promise<void> {
    const { page } = this;
    await page.goto(link);
    await expect(page.getByRole('heading', { name: 'Join Hanok' })).toBeVisible();
    await page.getByLabel('Your name').fill(this.name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Join' }).click();
    await this.isInside();
  }

  async signIn(server: Place): Promise<void> {
    const { page } = this;
    await page.goto(`${server.url}/sign-in`);
    await page.getByLabel('Your name').fill(this.name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await this.isInside();
  }

  async newChannel(name: string): Promise<void> {
    const { page } = this;
    await page.getByRole('button', { name: 'New channel' }).first().click();
    await page.getByRole('dialog').getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Create' }).click();
    await expect(page.getByRole('heading', { name })).toBeVisible();
  }

  async goTo(channel: string): Promise<void> {
    await this.channel(channel).click();
    await expect(this.page.getByRole('heading', { name: channel })).toBeVisible();
  }

  channel(name: string): Locator {
    return this.page.getByRole('navigation').getByRole('link', { name: new RegExp(`^${name}`) });
  }

  /** Somebody's card, by way of a message of theirs. */
  async card(of: string): Promise<Locator> {
    await this.page.getByRole('log').locator('button.name', { hasText: of }).last().click();
    const card = this.page.getByRole('dialog', { name: `Profile of ${of}` });
    await expect(card).toBeVisible();
    return card;
  }

  /** Sets up a guild of these people, each with a browser of their own; the first one owns it. */
  static async gather(browser: Browser, server: Server, ...names: string[]): Promise<Person[]> {
    const all: Person[] = [];
    let link = '';
    for (const name of names) {
      const person = await Person.open(browser, name);
      if (link !== '') await person.accept(link);
      else {
        await person.setUp(server);
        link = await person.invite();
      }
      all.push(person);
    }
    return all;
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message / });
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** The rows with exactly this text, sent or waiting; not those that quote it. */
  said(text: string): Locator {
    return this.page.locator('[data-seq], [data-nonce]').filter({ has: this.page.locator('.body').getByText(text, { exact: true }) });
  }

  async hears(text: string): Promise<Locator> {
    const row = this.said(text);
    await expect(row).toHaveCount(1);
    await expect(row).toBeVisible();
    return row;
  }

  /** Acknowledged: it has a number. */
  async hasSent(text: string): Promise<void> {
    await expect(this.page.locator('[data-seq]').filter({ hasText: text })).toHaveCount(1);
  }

  async act(row: Locator, action: string): Promise<void> {
    await row.hover();
    await row.getByRole('toolbar').getByRole('button', { name: action, exact: true }).click();
  }

  /** The room that is on the screen. */
  get room(): string {
    return /\/r\/(\w+)/.exec(this.page.url())?.[1] ?? '';
  }

  /** Writes many messages without the page, one after the other. */
  async posts({ url }: Place, room: string, texts: string[]): Promise<void> {
    for (const text of texts) {
      const answer = await this.page.request.post(`${url}/api/v1/rooms/${room}/messages`, {
        headers: { Origin: url },
        data: { text },
      });
      expect(answer.status()).toBe(201);
    }
  }

  get rows(): Locator {
    return this.page.locator('[data-seq]');
  }

  row(seq: number): Locator {
    return this.page.locator(`[data-seq="${seq}"]`);
  }

  /** The numbers of all messages on the page, which must be a row without holes. */
  async numbers(): Promise<number[]> {
    const seqs = await this.rows.evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset['seq'])));
    expect(seqs, 'no hole, no double, in order').toEqual(seqs.map((_, at) => (seqs[0] ?? 0) + at));
    return seqs;
  }

  /** The numbers of the messages whose end is in sight. */
  async inSight(): Promise<number[]> {
    return this.page.getByRole('log').evaluate((log) => {
      const { top, bottom } = log.getBoundingClientRect();
      return [...log.querySelectorAll<HTMLElement>('[data-seq]')]
        .filter((row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().bottom <= bottom + 0.5)
        .map((row) => Number(row.dataset['seq']));
    });
  }

  get newLine(): Locator {
    return this.page.getByRole('log').getByText('New messages', { exact: true });
  }

  /** The way to the end, there while one is not at it. */
  get pill(): Locator {
    return this.page.getByRole('button', { name: /^Jump to present/ });
  }

  private async isInside(): Promise<void> {
    await expect(this.composer).toBeVisible();
  }
}
