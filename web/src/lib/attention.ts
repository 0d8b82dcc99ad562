/** Without a sign of life for so long, somebody counts as idle. */
export const IDLE_MS = 5 * 60_000;

interface Options {
  /** Tells the server what is looked at and whether anybody is in front of it. */
  tell: (room: string | undefined, idle: boolean) => void;
  later?: (run: () => void, ms: number) => ReturnType<typeof setTimeout>;
  cancel?: (timer: ReturnType<typeof setTimeout>) => void;
}

/** What one looks at, and whether one is there at all: told when it changes, and anew on each connection. */
export class Attention {
  private room: string | undefined;
  private isVisible = true;
  private isIdle = false;
  private told = '';
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: Options) {
    this.wait();
  }

  /** What is on the screen now. */
  on(room: string | undefined): void {
    this.room = room;
    this.say();
  }

  visible(isVisible: boolean): void {
    this.isVisible = isVisible;
    if (isVisible) this.alive();
    this.say();
  }

  /** Somebody moved, typed or touched. */
  alive(): void {
    this.isIdle = false;
    this.say();
    this.wait();
  }

  /** A new connection knows nothing of it. */
  renew(): void {
    this.told = '';
    this.say();
  }

  stop(): void {
    if (this.timer !== undefined) (this.options.cancel ?? clearTimeout)(this.timer);
  }

  private wait(): void {
    this.stop();
    this.timer = (this.options.later ?? setTimeout)(() => {
      this.isIdle = true;
      this.say();
    }, IDLE_MS);
  }

  private say(): void {
    const room = this.isVisible ? this.room : undefined;
    const now = `${room ?? ''} ${this.isIdle ? 'idle' : ''}`;
    if (now === this.told) return;
    this.told = now;
    this.options.tell(room, this.isIdle);
  }
}
