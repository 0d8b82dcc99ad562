import { isPassing } from '../api/errors';

const TELL_EVERY_MS = 1_000;

/** Read markers on their way to the server: at most once a second, at once when one leaves, again after a break. */
export class Markers {
  private moved = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: (room: string, seq: number) => Promise<void>) {}

  move(room: string, seq: number): void {
    this.moved.set(room, Math.max(seq, this.moved.get(room) ?? 0));
    this.timer ??= setTimeout(() => {
      this.flush();
    }, TELL_EVERY_MS);
  }

  /** Whether something read here has not reached the server yet. */
  has(room: string): boolean {
    return this.moved.has(room);
  }

  /** What was on its way is overtaken by something that the reader chose. */
  drop(room: string): void {
    this.moved.delete(room);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const moved = [...this.moved];
    this.moved.clear();
    for (const [room, seq] of moved) void this.send(room, seq);
  }

  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.moved.clear();
  }

  private async send(room: string, seq: number): Promise<void> {
    try {
      await this.tell(room, seq);
    } catch (error) {
      // Kept for the next connection, or the next step forward.
      if (isPassing(error)) this.moved.set(room, Math.max(seq, this.moved.get(room) ?? 0));
    }
  }
}
