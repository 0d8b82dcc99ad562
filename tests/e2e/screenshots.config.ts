import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/browser.ts';

/** Pictures of every page for the eye; of the stand-in server's talk, so that they are the same every time. */
export default defineConfig({
  testDir: 'screenshots',
  outputDir: 'results/traces',
  workers: 1,
  timeout: 30_000,
  use: { actionTimeout: 10_000, screenshot: 'only-on-failure', launchOptions: launchOptions(), timezoneId: 'Asia/Seoul' },
  webServer: [
    { command: 'node ../../web/dev/fake-server.mjs 4180', url: 'http://127.0.0.1:4180/', reuseExistingServer: true },
    { command: 'node ../../web/dev/fake-server.mjs 4181 --empty', url: 'http://127.0.0.1:4181/', reuseExistingServer: true },
    { command: 'node ../../web/dev/fake-server.mjs 4182 --guilds --extreme', url: 'http://127.0.0.1:4182/', reuseExistingServer: true },
  ],
});
