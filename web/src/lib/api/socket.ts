import { ApiError, NO_ANSWER, OFFLINE } from './errors';
import type { Hello, Problem, Ready, Resume, Signal, StreamEvent } from './types';

const PROTOCOL = 'madang.v1.json';
const REQUEST_TIMEOUT_MS = 12_000;
/** From the start of the connection to the answer to `authenticate`. */
const OPENING_TIMEOUT_MS = 15_000;
const BACKOFF_FIRST_MS = 400;
const BACKOFF_MOST_MS = 30_000;
/** A connection that lived this long was a good one: the next failure starts counting anew. */
const STEADY_MS = 10_000;
const SESSION_ENDED = 4003;
const TOO_MANY_CONNECTIONS = 4007;
const TOO_MANY_REQUESTS = 4008;

export type LinkState = 'connecting' | 'ready' | 'waiting' | 'ended';

/** What `Gateway` needs of a WebSocket; tests bring their own. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export interface GatewayHandlers {
  /** What to resume; `undefined` when nothing is open yet. */
  resume(): Resume | undefined;
  ready(ready: Ready): void;
  event(event: StreamEvent): void;
  signal(signal: Signal): void;
  state(state: LinkState, retryAt?: number): void;
  /** A connection ended before it was ready, which is all that a browser tells of a refused upgrade. */
  unreached(): void;
}

export interface GatewayOptions {
  url: string;
  connect?: (url: string, protocol: string) => Socket;
  random?: () => number;
  now?: () => number;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: ApiError): void;
  timer: ReturnType<typeof setTimeout>;
}

/** One connection to the gateway, made again whenever it breaks. It knows frames and time, and nothing of chat. */
export class Gateway {
  private readonly connectTo: (url: string, protocol: string) => Socket;
  private readonly random: () => number;
  private readonly now: () => number;
  private socket: Socket | undefined;
  private state: LinkState = 'waiting';
  private pending = new Map<number, Pending>();
  private nextId = 1;
  private failures = 0;
  private readySince = 0;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  /** Set by `draining`: the server spreads its clients over time, so this wait is not cut short. */
  private drainMs: number | undefined;
  private mayHurry = true;

  constructor(
    private readonly options: GatewayOptions,
    private readonly handlers: GatewayHandlers,
  ) {
    this.connectTo =
      options.connect ?? ((url, protocol) => new WebSocket(url, protocol) as unknown as Socket);
    this.random = options.random ?? Math.random;
    this.now = options.now ?? Date.now;
  }

  start(): void {
    if (this.socket === undefined) this.connect();
  }

  /** Leaves for good: on signing out. */
  stop(): void {
    clearTimeout(this.retry);
    const socket = this.socket;
    this.drop();
    this.state = 'ended';
    socket?.close(1000);
  }

  /** The network is back or somebody looks at the page: no reason to sit out a long wait. */
  hurry(): void {
    if (this.state !== 'waiting' || !this.mayHurry || this.retry === undefined) return;
    this.failures = 0;
    this.connect();
  }

  /** Checks a link that may have died unnoticed, for example while the computer slept. */
  probe(): void {
    if (this.state === 'ready') this.beat();
    else this.hurry();
  }

  request<T>(op: string, args?: object): Promise<T> {
    if (this.state !== 'ready') return Promise.reject(offline());
    return this.send<T>(op, args);
  }

  private send<T>(op: string, args?: object): Promise<T> {
    const id = this.nextId;
    this.nextId += 1;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new ApiError({ code: NO_ANSWER, message: `no answer to ${op}` }));
      }, REQUEST_TIMEOUT_MS);
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject, timer });
      this.socket?.send(JSON.stringify(args === undefined ? { id, op } : { id, op, args }));
    });
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.drainMs = undefined;
    this.enter('connecting');
    const socket = this.connectTo(this.options.url, PROTOCOL);
    this.socket = socket;
    this.opening = setTimeout(() => {
      this.lost(socket, 0);
    }, OPENING_TIMEOUT_MS);
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.receive(String(data));
    };
    socket.onclose = ({ code }) => {
      this.lost(socket, code);
    };
  }

  private receive(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown>;
    if ('signal' in frame) {
      this.receiveSignal(frame as unknown as Signal);
    } else if ('stream' in frame) {
      this.handlers.event(frame as unknown as StreamEvent);
    } else if (typeof frame['id'] === 'number') {
      this.receiveAnswer(frame['id'], frame);
    }
  }

  private receiveSignal(signal: Signal): void {
    if (signal.signal === 'hello') {
      void this.authenticate(signal.data as Hello);
      return;
    }
    if (signal.signal === 'draining') this.drainMs = (signal.data as { retry_ms: number }).retry_ms;
    this.handlers.signal(signal);
  }

  private receiveAnswer(id: number, frame: Record<string, unknown>): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.pending.delete(id);
    clearTimeout(pending.timer);
    const problem = frame['error'] as Problem | undefined;
    if (problem === undefined) pending.resolve(frame['ok']);
    else pending.reject(new ApiError(problem));
  }

  private async authenticate(hello: Hello): Promise<void> {
    const socket = this.socket;
    const resume = this.handlers.resume();
    const id = this.nextId;
    try {
      // Missed events follow the answer in the same burst; they must not overtake its handling.
      const answered = this.send<Ready>('authenticate', resume === undefined ? {} : { resume });
      const pending = this.pending.get(id);
      if (pending !== undefined) {
        const resolve = pending.resolve;
        pending.resolve = (value) => {
          this.becomeReady(hello, value as Ready);
          resolve(value);
        };
      }
      await answered;
    } catch (error) {
      if (socket === undefined || socket !== this.socket) return;
      const ended = error instanceof ApiError && error.code === 'unauthenticated';
      this.lost(socket, ended ? SESSION_ENDED : 0);
    }
  }

  private becomeReady(hello: Hello, ready: Ready): void {
    clearTimeout(this.opening);
    this.readySince = this.now();
    // Half the allowed time, so that one late timer is no broken connection.
    this.heartbeat = setInterval(() => {
      this.beat();
    }, hello.heartbeat_ms / 2);
    this.state = 'ready';
    this.handlers.ready(ready);
    this.handlers.state('ready');
  }

  private beat(): void {
    const socket = this.socket;
    this.send('heartbeat').catch((error: unknown) => {
      const silent = error instanceof ApiError && error.code === NO_ANSWER;
      if (silent && socket !== undefined) this.lost(socket, 0);
    });
  }

  private lost(socket: Socket, code: number): void {
    if (socket !== this.socket) return;
    const wasReady = this.state === 'ready';
    const steady = wasReady && this.now() - this.readySince >= STEADY_MS;
    this.drop();
    if (code === 0) socket.close();
    if (code === SESSION_ENDED) {
      this.enter('ended');
      return;
    }
    if (steady) this.failures = 0;
    this.wait(code);
    if (!wasReady) this.handlers.unreached();
  }

  /** Forgets the socket and fails what waited for it. */
  private drop(): void {
    clearTimeout(this.opening);
    clearInterval(this.heartbeat);
    this.socket = undefined;
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const { timer, reject } of waiting) {
      clearTimeout(timer);
      reject(offline());
    }
  }

  private wait(code: number): void {
    const ms = this.delay(code);
    this.mayHurry = this.drainMs === undefined && code < TOO_MANY_CONNECTIONS;
    this.failures += 1;
    this.retry = setTimeout(() => {
      this.connect();
    }, ms);
    this.enter('waiting', this.now() + ms);
  }

  private delay(code: number): number {
    if (this.drainMs !== undefined) return this.drainMs;
    const bound = Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** this.failures);
    // Half fixed and half by chance: thousands that lost the same server do not come back as one.
    const backoff = bound / 2 + (bound / 2) * this.random();
    if (code === TOO_MANY_CONNECTIONS) return BACKOFF_MOST_MS + backoff;
    if (code === TOO_MANY_REQUESTS) return 5_000 + backoff;
    return backoff;
  }

  private enter(state: LinkState, retryAt?: number): void {
    this.state = state;
    this.handlers.state(state, retryAt);
  }
}

function offline(): ApiError {
  return new ApiError({ code: OFFLINE, message: 'there is no connection' });
}
