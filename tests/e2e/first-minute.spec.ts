import { expect, test } from '@playwright/test';
import { Person } from './support/person.ts';
import { Server } from './support/server.ts';

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async () => {
  await server?.remove();
});

test('from the link to a first talk of two, without touching anything that is not needed, in Korean', async ({ browser }) => {
  const owner = await Person.open(browser, '김하늘', { locale: 'ko-KR' });
  const { page } = owner;
  await page.goto(server.setUpLink);
  const place = page.getByLabel('이곳의 이름');
  await expect(place).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(place).toHaveAccessibleDescription('여기를 채워 주세요.');
  await page.keyboard.type('한옥');
  await expect(place).not.toHaveAccessibleDescription('여기를 채워 주세요.');
  // Most places have one team, and it is called like the place.
  await expect(page.getByLabel('첫 길드 이름')).toHaveValue('한옥');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.type('김하늘');
  await page.keyboard.press('Tab');
  await page.keyboard.type('short');
  await page.keyboard.press('Enter');
  const password = page.getByLabel('비밀번호', { exact: true });
  await expect(password).toHaveAccessibleDescription('8자 이상이어야 해요.');
  await expect(password).toHaveAttribute('aria-invalid', 'true');
  await password.fill('madang-madang');
  await page.keyboard.press('Enter');

  await page.waitForURL(/welcome/);
  await expect(page.getByRole('textbox')).toHaveValue(/\/invite\//);
  const link = await page.getByRole('textbox').inputValue();
  await page.getByRole('link', { name: '첫 채널로 가기' }).click();
  await expect(page.getByRole('heading', { name: '일반' })).toBeVisible();
  await page.getByRole('button', { name: '초대' }).click();
  await expect(page.getByRole('dialog').getByRole('textbox')).toHaveValue(/\/invite\//);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  const guest = await Person.open(browser, '이서준', { locale: 'ko-KR', viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  await guest.page.goto(link);
  await guest.page.getByLabel('내 이름').fill('이서준');
  await guest.page.getByLabel('비밀번호', { exact: true }).fill('madang-madang');
  await guest.page.getByRole('button', { name: '들어가기' }).tap();
  // On a phone, too, the talk is what is seen first.
  await expect(guest.page.getByRole('heading', { name: '일반' })).toBeVisible();
  await guest.page.getByRole('textbox').fill('안녕하세요');
  await guest.page.getByRole('button', { name: '보내기' }).tap();
  await expect(page.getByRole('log').getByText('안녕하세요')).toBeVisible();
  expect([...owner.complaints, ...guest.complaints]).toEqual([]);
});
