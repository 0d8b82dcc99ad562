import { expect, test, type CDPSession } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async () => {
  await server?.remove();
});

/** What an input method tells while a syllable grows. */
async function compose(session: CDPSession, steps: string[]) {
  for (const text of steps) {
    await session.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  }
}

test('a syllable in the making is never sent', async ({ browser }) => {
  const haneul = await Person.open(browser, '하늘');
  await haneul.setUp(server);
  const session = await haneul.page.context().newCDPSession(haneul.page);
  await haneul.composer.focus();

  await compose(session, ['ㅇ', '아', '안']);
  // The Enter that ends a composition belongs to the input method; browsers mark it with the code 229.
  const enter = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 };
  await session.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...enter });
  await session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...enter });
  await expect(haneul.composer).toHaveValue('안');
  await expect(haneul.page.locator('[data-seq], [data-nonce]')).toHaveCount(0);

  await session.send('Input.insertText', { text: '안' });
  await compose(session, ['ㄴ', '녀', '녕']);
  await session.send('Input.insertText', { text: '녕' });
  await expect(haneul.composer).toHaveValue('안녕');
  await haneul.composer.press('Enter');
  await haneul.hears('안녕');
  await expect(haneul.composer).toHaveValue('');
  await expect(haneul.page.locator('[data-seq], [data-nonce]')).toHaveCount(1);
});
