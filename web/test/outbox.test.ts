import { beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '../src/lib/api/errors';
import type { Message } from '../src/lib/api/types';
import { Outbox } from '../src/lib/state/outbox.svelte';
import type { Waiting } from '../src/lib/timeline/rows';
import { message } from './fixtures';

interface Call {
  item: Waiting;
  resolve(message: Message): void;
  reject(error: Error): void;
}

let calls: Call[];
let posted: Message[];
let later: (() => void)[];
let stored: Map<string, string>;
let outbox: Outbox;

const call = (at: number) => calls[at] as Call;
const statuses = () => outbox.items.map((item) => item.status);
const refusal = (code: string) => new ApiError({ code, message: '' });
const settle = async () => {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
};

function open(): Outbox {
  const made = new Outbox({
    post: (item) => new Promise((resolve, reject) => calls.push({ item, resolve, reject })),
    posted: (one) => posted.push(one),
    later: (run) => later.push(run),
    storage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: (key) => void stored.delete(key),
    },
  });
  made.restore('me');
  return made;
}

beforeEach(() => {
  calls = [];
  posted = [];
  later = [];
  stored = new Map();
  outbox = open();
});

describe('sending', () => {
  test('an acknowledged message leaves the outbox as it enters the timeline', async () => {
    outbox.online();
    outbox.add('room', 'hello', null, 3);
    expect(statuses()).toEqual(['sending']);
    call(0).resolve(message(4, { text: 'hello' }));
    await settle();
    expect(outbox.items).toEqual([]);
    expect(posted.map((one) => one.seq)).toEqual([4]);
  });

  test('one at a time in a room, side by side in two', async () => {
    outbox.online();
    outbox.add('room', 'one', null, 0);
    outbox.add('room', 'two', null, 0);
    outbox.add('hall', 'three', null, 0);
    expect(calls.map(({ item }) => item.text)).toEqual(['one', 'three']);
    call(0).resolve(message(1));
    await settle();
    expect(calls.map(({ item }) => item.text)).toEqual(['one', 'three', 'two']);
  });

  test('the same words once more are another message', async () => {
    outbox.online();
    outbox.add('room', 'ok', null, 3);
    outbox.add('room', 'ok', null, 3);
    call(0).resolve(message(4));
    await settle();
    expect(outbox.items.map((item) => item.after)).toEqual([4]);
  });
});

describe('retrying', () => {
  test('the nonce is the same after a break and after a reload', async () => {
    outbox.online();
    outbox.add('room', 'hello', null, 0);
    const { nonce } = call(0).item;
    outbox.offline();
    call(0).reject(refusal('offline'));
    await settle();
    expect(statuses()).toEqual(['waiting']);
    outbox.online();
    expect(call(1).item.nonce).toBe(nonce);

    const reloaded = open();
    expect(reloaded.items.map((item) => [item.nonce, item.status])).toEqual([[nonce, 'waiting']]);
    reloaded.online();
    expect(call(2).item.nonce).toBe(nonce);
  });

  test('what may pass is tried again by itself, after a while', async () => {
    outbox.online();
    outbox.add('room', 'hello', null, 0);
    call(0).reject(refusal('unavailable'));
    await settle();
    expect(calls).toHaveLength(1);
    later[0]?.();
    await settle();
    expect(call(1).item.nonce).toBe(call(0).item.nonce);
  });

  test('a refusal stays until somebody decides, and holds up nothing else', async () => {
    outbox.online();
    outbox.add('room', 'bad', null, 0);
    outbox.add('room', 'good', null, 0);
    call(0).reject(refusal('not_found'));
    await settle();
    expect(statuses()).toEqual(['refused', 'sending']);
    expect(outbox.items[0]?.code).toBe('not_found');
    outbox.discard(outbox.items[0]?.nonce ?? '');
    expect(outbox.items.map((item) => item.text)).toEqual(['good']);
  });

  test('only an expired nonce is replaced', async () => {
    outbox.online();
    outbox.add('room', 'hello', null, 0);
    const { nonce } = call(0).item;
    call(0).reject(refusal('nonce_expired'));
    await settle();
    outbox.retry(nonce);
    expect(call(1).item.nonce).not.toBe(nonce);
  });
});

test('what somebody else left here is not sent', () => {
  outbox.add('room', 'secret', null, 0);
  const other = open();
  other.forget();
  stored.set('madang.outbox', JSON.stringify({ user: 'somebody', items: outbox.items }));
  other.restore('me');
  expect(other.items).toEqual([]);
});

test('in other data an older head is what a message comes after', () => {
  outbox.add('room', 'hello', null, 40);
  outbox.rebase(() => 12);
  expect(outbox.items.map((item) => item.after)).toEqual([12]);
});
