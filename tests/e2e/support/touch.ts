import type { CDPSession, Locator, Page } from '@playwright/test';

/** A finger, by the browser's own touch events: everything that follows from them follows. */
export class Finger {
  /** When a drag is over. */
  private at: number | undefined;

  private constructor(private readonly session: CDPSession) {}

  static async on(page: Page): Promise<Finger> {
    return new Finger(await page.context().newCDPSession(page));
  }

  async down(on: Locator): Promise<{ x: number; y: number }> {
    const { x, y, width, height } = (await on.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const at = { x: Math.round(x + width / 2), y: Math.round(y + height / 2) };
    await this.session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [at] });
    return at;
  }

  async up(): Promise<void> {
    await this.session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [], ...(this.at === undefined ? {} : { timestamp: this.at }) });
    this.at = undefined;
  }

  /** From the middle of something, in steps as a finger makes them, at its pace however busy the machine is. */
  async drag(on: Locator, across: number, down: number): Promise<void> {
    const from = await this.down(on);
    const began = Date.now() / 1_000;
    for (let step = 1; step <= 8; step += 1) {
      const at = { x: from.x + (across * step) / 8, y: from.y + (down * step) / 8 };
      await this.session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [at], timestamp: began + step * 0.02 });
    }
    this.at = began + 0.2;
  }
}
