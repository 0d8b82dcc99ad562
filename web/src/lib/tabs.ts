/** How long another tab has to say that somebody looks at it. */
const ANSWER_MS = 120;

type Word = 'who looks' | 'I do';

const isLooking = () => document.visibilityState === 'visible' && document.hasFocus();

/**
 * The tabs of one browser, as far as the server cannot know them: at which of them somebody looks, and which one speaks
 * for all of them.
 */
export class Tabs {
  private readonly channel = new BroadcastChannel('madang.tabs');
  private heard: (() => void) | undefined;
  private isSpeaker = navigator.locks === undefined;

  constructor() {
    this.channel.onmessage = ({ data }: MessageEvent<Word>) => {
      if (data === 'I do') this.heard?.();
      else if (isLooking()) this.channel.postMessage('I do' satisfies Word);
    };
    // Held for as long as the tab lives; the next one takes over. Outside of safe addresses there are no locks.
    navigator.locks
      ?.request('madang.speaker', () => {
        this.isSpeaker = true;
        return new Promise(() => undefined);
      })
      .catch(() => undefined);
  }

  /** Whether this tab is the one that tells, and nobody looks at any. */
  async shouldTell(): Promise<boolean> {
    if (!this.isSpeaker || isLooking()) return false;
    return new Promise((resolve) => {
      this.heard = () => {
        resolve(false);
      };
      setTimeout(() => {
        resolve(true);
      }, ANSWER_MS);
      this.channel.postMessage('who looks' satisfies Word);
    });
  }
}
