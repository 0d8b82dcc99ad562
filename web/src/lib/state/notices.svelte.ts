import { explain } from '../i18n/errors';
import { i18n } from '../i18n/i18n.svelte';

const SHOWN_MS = 6_000;

/** What there is to say about something that was asked for in passing, where no form shows it. */
class Notices {
  text = $state('');
  isProblem = $state(false);
  private timer: ReturnType<typeof setTimeout> | undefined;

  tell(text: string, ms = SHOWN_MS): void {
    this.show(text, false, ms);
  }

  problem(error: unknown): void {
    this.show(explain(i18n.t, error), true, SHOWN_MS);
  }

  /** Runs what was asked for and tells when it does not go through; answers whether it did. */
  async of(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      this.problem(error);
      return false;
    }
  }

  clear(): void {
    clearTimeout(this.timer);
    this.text = '';
  }

  private show(text: string, isProblem: boolean, ms: number): void {
    clearTimeout(this.timer);
    this.text = text;
    this.isProblem = isProblem;
    this.timer = setTimeout(() => {
      this.clear();
    }, ms);
  }
}

export const notices = new Notices();
