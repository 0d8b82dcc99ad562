import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/browser.ts';

/**
 * How quick the page itself is, with the stand-in server: 10,000 messages in a room, and 1,000 rooms. Needs `npm run build` in web/.
 * `many.spec.ts` asks the real binary.
 */
export default defineConfig({
  testDir: 'speed',
  outputDir: 'results/traces',
  workers: 1,
  timeout: 120_000,
  reporter: 'list',
  use: { launchOptions: launchOptions(), locale: 'en', viewport: { width: 1280, height: 800 } },
  webServer: { command: 'node ../../web/dev/fake-server.mjs 4190 --many', url: 'http://127.0.0.1:4190/', reuseExistingServer: true },
});
