import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { BrowserContext } from '@playwright/test';

/** A built page that stands in for the binary's own one: the server stays the real one, and nothing is compiled anew. */
const FOLDER = process.env['MADANG_TEST_PAGE'];
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** The policy that the server itself sends, which it cannot be asked for while it is down. */
let policy: string | undefined;

export async function standIn(context: BrowserContext): Promise<void> {
  const folder = FOLDER;
  if (folder === undefined) return;
  await context.route(
    (url) => !/^\/(api|gateway|readyz|metrics)/.test(url.pathname),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const wanted = join(folder, pathname);
      const file = extname(pathname) !== '' && existsSync(wanted) ? wanted : join(folder, 'index.html');
      policy ??= (await route.fetch()).headers()['content-security-policy'] ?? '';
      await route.fulfill({ body: readFileSync(file), contentType: TYPES[extname(file)] ?? 'application/octet-stream', headers: { 'content-security-policy': policy } });
    },
  );
}
