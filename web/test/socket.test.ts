import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gateway, type GatewayHandlers, type LinkState, type Socket } from '../src/lib/api/socket';
import type { Ready, Resume } from '../src/lib/api/types';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: { id: number; op: string; args?: Record<string, unknown> }[] = [];
  closed = false;

  send(data: string) {
    this.sent.push(JSON.parse(data) as FakeSocket['sent'][0]);
  }

  close() {
    this.closed = true;
  }

  tell(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hello() {
    this.tell({
      signal: 'hello',
      data: { epoch: 'E', heartbeat_ms: 30_000, authenticate_within_ms: 10_000, version: '1' },
    });
  }

  last(op: string) {
    return this.sent.findLast((frame) => frame.op === op);
  }
}

const READY: Ready = { epoch: 'E', instance: { name: 'n', rev: 1 }, user: { id: 'U', name: 'n' }, session: 'S', resumed: false, guilds: [], conversations: [], more_conversations: false };
const sockets: FakeSocket[] = [];
const states: LinkState[] = [];
let resume: Resume | undefined;
let gateway: Gateway;
let handlers: GatewayHandlers;

const socket = () => sockets.at(-1) as FakeSocket;

async function settle() {
  await vi.advanceTimersByTimeAsync(0);
}

async function becomeReady() {
  socket().hello();
  const id = socket().last('authenticate')?.id;
  socket().tell({ id, ok: READY });
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets.length = 0;
  states.length = 0;
  resume = undefined;
  handlers = {
    resume: () => resume,
    ready: vi.fn(),
    event: vi.fn(),
    signal: vi.fn(),
    unreached: vi.fn(),
    state: (state) => states.push(state),
  };
  gateway = new Gateway(
    {
      url: 'ws://here/gateway',
      random: () => 1,
      connect: () => {
        const made = new FakeSocket();
        sockets.push(made);
        return made;
      },
    },
    handlers,
  );
  gateway.start();
});

afterEach(() => {
  gateway.stop();
  vi.useRealTimers();
});

describe('opening', () => {
  test('says hello, authenticates without a token, becomes ready', async () => {
    expect(socket().sent).toEqual([]);
    await becomeReady();
    expect(socket().sent[0]).toEqual({ id: 1, op: 'authenticate', args: {} });
    expect(handlers.ready).toHaveBeenCalledWith(READY);
    expect(states).toEqual(['connecting', 'ready']);
  });

  test('events in the burst after the answer come after ready', () => {
    const order: string[] = [];
    handlers.ready = () => order.push('ready');
    handlers.event = () => order.push('event');
    socket().hello();
    socket().tell({ id: 1, ok: READY });
    socket().tell({ stream: 'room:r', rev: 1, at: '', kind: 'message.posted', data: {} });
    expect(order).toEqual(['ready', 'event']);
  });

  test('a server that never answers is left', async () => {
    await vi.advanceTimersByTimeAsync(15_000);
    expect(sockets[0]?.closed).toBe(true);
    expect(states.at(-1)).toBe('waiting');
    expect(handlers.unreached).toHaveBeenCalled();
  });

  test('a session that has ended is the end', async () => {
    socket().hello();
    socket().tell({ id: 1, error: { code: 'unauthenticated', message: '' } });
    await settle();
    expect(states.at(-1)).toBe('ended');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sockets).toHaveLength(1);
  });
});

describe('requests', () => {
  test('each gets its own answer or refusal', async () => {
    await becomeReady();
    const first = gateway.request<number>('history', { room: 'r' });
    const second = gateway.request('post', { room: 'r' });
    const failed = expect(second).rejects.toMatchObject({ code: 'too_large', field: 'text' });
    socket().tell({ id: socket().last('post')?.id, error: { code: 'too_large', message: '', field: 'text' } });
    socket().tell({ id: socket().last('history')?.id, ok: 7 });
    await expect(first).resolves.toBe(7);
    await failed;
  });

  test('no answer in time is told, and a late answer is nothing', async () => {
    await becomeReady();
    const request = expect(gateway.request('history')).rejects.toMatchObject({ code: 'no_answer' });
    await vi.advanceTimersByTimeAsync(12_000);
    await request;
    socket().tell({ id: socket().last('history')?.id, ok: {} });
  });

  test('a break fails what waits, and what comes while it lasts', async () => {
    await becomeReady();
    const waiting = expect(gateway.request('post')).rejects.toMatchObject({ code: 'offline' });
    socket().onclose?.({ code: 1006 });
    await waiting;
    await expect(gateway.request('post')).rejects.toMatchObject({ code: 'offline' });
  });
});

describe('coming back', () => {
  test('resumes what was open', async () => {
    await becomeReady();
    resume = { epoch: 'E', rooms: { r: 12 }, guilds: { g: 3 } };
    socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(400);
    socket().hello();
    expect(socket().last('authenticate')?.args).toEqual({ resume });
  });

  test('waits longer each time, up to half a minute', async () => {
    for (const ms of [400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      const before = sockets.length;
      socket().onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(ms - 1);
      expect(sockets).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(sockets).toHaveLength(before + 1);
    }
  });

  test('a connection that breaks at once does not start the count anew', async () => {
    socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(400);
    await becomeReady();
    socket().onclose?.({ code: 4004 });
    await vi.advanceTimersByTimeAsync(799);
    expect(sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(3);
  });

  test('comes back at once when the network does', async () => {
    for (let at = 0; at < 6; at += 1) {
      socket().onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(30_000);
    }
    socket().onclose?.({ code: 1006 });
    const before = sockets.length;
    gateway.hurry();
    expect(sockets).toHaveLength(before + 1);
  });

  test('a draining server is given the time it asks for, even when hurried', async () => {
    await becomeReady();
    socket().tell({ signal: 'draining', data: { retry_ms: 5_000 } });
    socket().onclose?.({ code: 4006 });
    gateway.hurry();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
  });

  test('too many connections means half a minute at least', async () => {
    await becomeReady();
    socket().onclose?.({ code: 4007 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(400);
    expect(sockets).toHaveLength(2);
  });

  test('an ended session does not', async () => {
    await becomeReady();
    socket().onclose?.({ code: 4003 });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sockets).toHaveLength(1);
    expect(states.at(-1)).toBe('ended');
  });
});

describe('heart-beat', () => {
  test('is sent in time', async () => {
    await becomeReady();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(socket().last('heartbeat')).toBeDefined();
  });

  test('without an answer the connection is dead', async () => {
    await becomeReady();
    gateway.probe();
    await vi.advanceTimersByTimeAsync(12_000);
    expect(sockets[0]?.closed).toBe(true);
    expect(states.at(-1)).toBe('waiting');
  });
});
