import { connect, createServer, type Server as Listener, type Socket } from 'node:net';
import type { Server } from './server.ts';

/** The line between a browser and the server, which can be cut: nothing else notices. */
export class Wire {
  private readonly pairs = new Set<[browser: Socket, server: Socket]>();
  private isCut = false;
  private isDeaf = false;
  private changes: readonly (readonly [from: string, to: string])[] = [];

  private constructor(
    private readonly listener: Listener,
    private readonly serverPort: number,
  ) {
    listener.on('connection', (browser) => this.join(browser));
  }

  static async to(server: Server): Promise<Wire> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new Wire(listener, server.port);
  }

  get url(): string {
    const address = this.listener.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** Ends every connection, and each new one as soon as it is made. */
  cut(): void {
    this.isCut = true;
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
    this.isDeaf = false;
  }

  /** What the browser says still arrives; what it is told does not. */
  deafen(): void {
    this.isDeaf = true;
  }

  /** Other words of the same length on the way, as another server would say them. */
  change(...changes: readonly (readonly [from: string, to: string])[]): void {
    this.changes = changes;
  }

  remove(): void {
    this.cut();
    this.listener.close();
  }

  private join(browser: Socket): void {
    if (this.isCut) {
      browser.destroy();
      return;
    }
    const server = connect(this.serverPort, '127.0.0.1');
    const pair: [Socket, Socket] = [browser, server];
    this.pairs.add(pair);
    browser.on('data', (bytes) => server.write(this.changed(bytes)));
    server.on('data', (bytes) => {
      if (!this.isDeaf) browser.write(this.changed(bytes));
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }

  private changed(bytes: Buffer): Buffer {
    if (this.changes.length === 0) return bytes;
    let text = bytes.toString('latin1');
    for (const [from, to] of this.changes) text = text.replaceAll(from, to);
    return Buffer.from(text, 'latin1');
  }
}
