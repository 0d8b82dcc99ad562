import type { Page } from '@playwright/test';

interface Frame {
  id?: number;
  op?: string;
  args?: Record<string, unknown>;
  ok?: Record<string, unknown>;
  signal?: string;
}

/** What a page and the server say to each other over the gateway from now on. */
export class Frames {
  readonly sent: Frame[] = [];
  readonly received: Frame[] = [];

  constructor(page: Page) {
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => this.sent.push(JSON.parse(String(payload)) as Frame));
      socket.on('framereceived', ({ payload }) => this.received.push(JSON.parse(String(payload)) as Frame));
    });
  }

  asked(op: string): Frame[] {
    return this.sent.filter((frame) => frame.op === op);
  }

  heard(signal: string): Frame[] {
    return this.received.filter((frame) => frame.signal === signal);
  }

  /** Whether the newest connection went on where the last one ended. */
  get hasResumed(): boolean {
    const ready = this.received.findLast((frame) => frame.ok?.['guilds'] !== undefined);
    return ready?.ok?.['resumed'] === true;
  }

  forget(): void {
    this.sent.length = 0;
    this.received.length = 0;
  }
}
