import { test, type Browser } from '@playwright/test';
import { Person } from './person.ts';
import { Server } from './server.ts';

type Each<Names extends readonly string[]> = { -readonly [At in keyof Names]: Person };

/**
 * For a file whose tests go on where the one before ended: a server of its own, and these people in one guild, the first of
 * whom owns it. They are handed over before the first test.
 */
export function together<const Names extends readonly string[]>(names: Names, meet: (people: Each<Names>, server: Server, browser: Browser) => void | Promise<void>): void {
  let server: Server | undefined;
  test.describe.configure({ mode: 'serial' });
  test.beforeAll(async ({ browser }) => {
    server = await Server.start();
    await meet((await Person.gather(browser, server, ...names)) as Each<Names>, server, browser);
  });
  test.afterAll(async () => {
    await server?.remove();
  });
}
