import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/browser.ts';

export default defineConfig({
  testDir: '.',
  testIgnore: ['screenshots/**', 'speed/**'],
  outputDir: 'results/traces',
  // Each file starts its own server; a busy machine runs them one after the other.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env['CI'] !== undefined,
  reporter: 'list',
  use: { launchOptions: launchOptions(), locale: 'en', trace: 'retain-on-failure' },
});
