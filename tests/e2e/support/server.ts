import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const TARGET = process.env['CARGO_TARGET_DIR'] ?? new URL('../../../target', import.meta.url).pathname;
const BINARY = process.env['MADANG_BIN'] ?? join(TARGET, 'debug', 'madang');

const madang = (...args: string[]) => promisify(execFile)(BINARY, args);

/** The real server on a folder of its own, which outlives it: killed and started again, it is the same server. */
export class Server {
  private constructor(
    private readonly folder: string,
    readonly port: number,
    private child: ChildProcess | undefined,
    readonly setUpLink: string,
  ) {}

  static async start(): Promise<Server> {
    if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: run \`cargo build\`, or set MADANG_BIN`);
    const folder = await mkdtemp(join(tmpdir(), 'madang-e2e-'));
    const port = await freePort();
    const { child, link } = await run(join(folder, 'data'), port);
    return new Server(folder, port, child, link);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** No goodbye, as in a power cut. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** In order, as for an update: it tells its clients when to come back. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async restart(): Promise<void> {
    await this.kill();
    this.child = (await run(this.data, this.port)).child;
  }

  /** Writes a backup; the server may run meanwhile. */
  async backup(): Promise<string> {
    const file = join(this.folder, `backup-${this.restored}`);
    await madang('backup', '--data', this.data, file);
    return file;
  }

  /** Starts at the same address with the data of a backup, as after a loss. */
  async restore(backup: string): Promise<void> {
    await this.kill();
    this.restored += 1;
    await madang('restore', '--data', this.data, backup);
    await this.restart();
  }

  private restored = 0;

  private get data(): string {
    return join(this.folder, this.restored === 0 ? 'data' : `data-${this.restored}`);
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (child === undefined) return;
    this.child = undefined;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function run(folder: string, port: number): Promise<{ child: ChildProcess; link: string }> {
  const child = spawn(BINARY, ['serve', '--listen', `127.0.0.1:${port}`, '--data', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (text: Buffer) => (told += text.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${told}`)));
    createInterface(child.stdout).on('line', (line) => {
      const link = /^set-up link: (\S+)$/.exec(line)?.[1];
      // Without an owner there is a link; with one, the last line says where to open it.
      if (link !== undefined || line.startsWith('open ')) resolve({ child, link: link ?? '' });
    });
  });
}

/** A port that stays the same over a restart, so it is not the server's own choice. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
