import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { Server } from './support/server.ts';

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async () => {
  await server?.remove();
});

test('every operation can be read and tried', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${server.url}/developers.html`);
  await expect(page.getByRole('heading', { name: 'messages' })).toBeVisible();
  expect(await page.locator('details').count()).toBeGreaterThan(40);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.getByRole('searchbox').fill('what this server is');
  await page.locator('summary').press('Enter');
  await page.getByRole('button', { name: 'Send' }).click();
  await expect(page.getByRole('status')).toContainText('200');
  await expect(page.getByRole('status')).toContainText('"set_up": false');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
  }
});
