import { expect, type Browser, type BrowserContextOptions, type Locator, type Page } from '@playwright/test';
import type { Server } from './server.ts';

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
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    return new Person(await context.newPage(), name);
  }

  async setUp(server: Server): Promise<void> {
    const { page } = this;
    await page.goto(server.setUpLink);
    await page.getByLabel('Name of this server').fill('Yard');
    await page.getByLabel('Name of your first guild').fill('Hanok');
    await page.getByLabel('Your name').fill(this.name);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Set up' }).click();
    await this.isInside();
  }

  async invite(): Promise<string> {
    const { page } = this;
    await page.getByRole('button', { name: /: menu/ }).click();
    await page.getByRole('button', { name: 'Invite people' }).click();
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

  async signIn(server: Server): Promise<void> {
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

  private async isInside(): Promise<void> {
    await expect(this.composer).toBeVisible();
  }
}
