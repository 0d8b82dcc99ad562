import { existsSync } from 'node:fs';
import type { LaunchOptions } from '@playwright/test';

/** An installed browser before Playwright's own: that one has to be downloaded. */
const INSTALLED = [process.env['MADANG_TEST_BROWSER'], '/usr/bin/chromium', '/usr/bin/google-chrome'];

export function launchOptions(): LaunchOptions {
  const executablePath = INSTALLED.find((path) => path !== undefined && existsSync(path));
  // As root, which containers are, Chromium's sandbox does not start.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  // A page that stands in for the server's own came from nowhere, which may otherwise not talk to this machine.
  if (process.env['MADANG_TEST_PAGE'] !== undefined) args.push('--disable-features=LocalNetworkAccessChecks');
  return executablePath === undefined ? { args } : { executablePath, args };
}
