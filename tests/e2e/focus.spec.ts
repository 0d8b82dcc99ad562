import { expect, test, type Locator, type Page } from '@playwright/test';
import type { Person } from './support/person.ts';
import { together } from './support/together.ts';

let ann: Person;
let bo: Person;

together(['Ann', 'Bo'], (people) => {
  [ann, bo] = people;
});

const KINDS = [
  { colorScheme: 'light', contrast: 'no-preference' },
  { colorScheme: 'dark', contrast: 'no-preference' },
  { colorScheme: 'light', contrast: 'more' },
] as const;

test('a ring is drawn around the message that has the focus, also around one that calls', async () => {
  await bo.say('plain words');
  await bo.composer.pressSequentially('hey @Ann');
  await expect(bo.page.getByRole('option').first()).toContainText('Ann');
  await bo.composer.press('Enter');
  await bo.composer.press('Enter');
  await ann.hasSent('hey @Ann');
  const { page } = ann;
  for (const media of KINDS) {
    await page.emulateMedia(media);
    await ann.composer.press('Shift+Tab');
    const called = page.locator('[data-seq]:focus');
    for (let step = 0; step < 9 && (await called.count()) === 0; step += 1) await page.keyboard.press('Shift+Tab');
    await expect(called).toContainText('hey');
    await ringed(page, called);
    await page.keyboard.press('ArrowUp');
    await expect(page.locator('[data-seq]:focus')).toContainText('plain words');
    await ringed(page, page.locator('[data-seq]:focus'));
    await ann.composer.focus();
  }
});

test('a line that the server tells says the half of the day, as messages do', async () => {
  await expect(ann.page.locator('.system time').first()).toHaveText(/^\d+:\d\d\s[AP]M$/);
});

/** The middle of each edge is painted in the ring's colour: what is computed may be hidden. */
async function ringed(page: Page, row: Locator) {
  const box = (await row.boundingBox())!;
  const picture = (await page.screenshot({ clip: box })).toString('base64');
  const edges = await row.evaluate(
    async (element, data) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const brush = canvas.getContext('2d')!;
      const probe = document.createElement('i');
      probe.style.color = 'var(--accent)';
      element.append(probe);
      brush.fillStyle = getComputedStyle(probe).color;
      probe.remove();
      brush.fillRect(0, 0, 1, 1);
      const colour = [...brush.getImageData(0, 0, 1, 1).data];
      brush.drawImage(image, 0, 0);
      const { width, height } = image;
      const places = [[width / 2, 1], [width / 2, height - 2], [1, height / 2], [width - 2, height / 2]] as const;
      return places.map(([x, y]) => [...brush.getImageData(Math.round(x), Math.round(y), 1, 1).data].every((part, at) => Math.abs(part - (colour[at] ?? 0)) < 24));
    },
    picture,
  );
  expect(edges, 'above, below, before and behind').toEqual([true, true, true, true]);
}
