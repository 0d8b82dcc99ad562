import { existsSync } from 'node:fs';
import type { LaunchOptions } from '@playwright/test';

/** An installed browser before Playwright's own: that one has to be downloaded. */
const INSTALLED = [process.env['MADANG_TEST_BROWSER'], '/usr/bin/chromium', '/usr/bin/google-chrome'];

export function launchOptions(): LaunchOptions {
  const executablePath = INSTALLED.find((path) => path !== undefined && existsSync(path));
  // As root, which containers are, Chromium's sandbox does not start.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return executablePath === undefined ? { args } : { executablePath, args };
}
