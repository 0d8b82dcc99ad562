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

test('what is typed or pasted while nothing has the focus is written, from the first letter on', async ({ browser }) => {
  const other = await Server.start();
  const iseul = await Person.open(browser, '이슬');
  await iseul.setUp(other);
  const { page } = iseul;
  // Where one comes to a room one can write at once.
  await expect(iseul.composer).toBeFocused();
  await iseul.say('처음');
  await iseul.hasSent('처음');
  const session = await page.context().newCDPSession(page);
  const nowhere = () => page.evaluate(() => (document.activeElement as HTMLElement).blur());
  const begin = () => session.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Process', code: 'KeyG', windowsVirtualKeyCode: 229 });

  await nowhere();
  await begin();
  await compose(session, ['ㅎ', '하', '한']);
  await session.send('Input.insertText', { text: '한' });
  await expect(iseul.composer).toHaveValue('한');
  await nowhere();
  await page.keyboard.type('go');
  await expect(iseul.composer).toHaveValue('한go');
  await nowhere();
  await page.evaluate(() => navigator.clipboard.writeText(' pasted'));
  await page.keyboard.press('Control+v');
  await expect(iseul.composer).toHaveValue('한go pasted');

  // A link has no use for letters; a message, a field and what is open have.
  await page.getByRole('link', { name: 'Inbox' }).focus();
  await page.keyboard.type('!');
  await expect(iseul.composer).toHaveValue('한go pasted!');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox')).toBeFocused();
  await page.keyboard.type('x');
  await expect(page.getByRole('combobox')).toHaveValue('x');
  await page.keyboard.press('Escape');
  await page.locator('[data-seq]').last().focus();
  await page.keyboard.press('r');
  await expect(page.getByText('Replying to 이슬')).toBeVisible();
  await expect(iseul.composer).toHaveValue('한go pasted!');
  await page.keyboard.press('Escape');
  await nowhere();
  await page.keyboard.press('Control+/');
  await page.keyboard.press('Escape');
  await expect(iseul.composer).toHaveValue('한go pasted!');
  await other.remove();
});

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
