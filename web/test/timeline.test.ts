import { expect, test } from 'vitest';
import type { Page } from '../src/lib/api/types';
import { withHead, withMarker, type Room } from '../src/lib/state/rooms.svelte';
import { Timeline } from '../src/lib/state/timeline.svelte';
import { event, ME, message, range, seqs } from './fixtures';

function setUp() {
  const asked: { op: string; args: object; resolve: (page: Page) => void; reject: (error: Error) => void }[] = [];
  const request = <T>(op: string, args: object) =>
    new Promise<T>((resolve, reject) => {
      asked.push({ op, args, resolve: resolve as (page: Page) => void, reject });
    });
  return { asked, timeline: new Timeline('room', request, () => ME) };
}

const page = (from: number, to: number, head = to): Page => ({
  head: { rev: head, seq: head, n: head },
  messages: range(from, to),
});

test('what arrives while a page is read is in it afterwards', async () => {
  const { asked, timeline } = setUp();
  const reading = timeline.readNewest();
  timeline.apply(event('message.posted', 4, message(4)));
  asked[0]?.resolve(page(1, 3));
  await reading;
  expect(seqs(timeline.window)).toEqual([1, 2, 3, 4]);
  expect(timeline.rev).toBe(4);
});

test('an overtaken page is dropped', async () => {
  const { asked, timeline } = setUp();
  const first = timeline.readNewest();
  const second = timeline.readAround(10);
  asked[1]?.resolve(page(5, 15, 60));
  await second;
  asked[0]?.resolve(page(50, 60));
  await first;
  expect(timeline.window.rows[0]?.seq).toBe(5);
});

test('a reader at the end follows, one further up keeps the place', async () => {
  const { asked, timeline } = setUp();
  const reading = timeline.readNewest();
  asked[0]?.resolve(page(1, 300));
  await reading;
  timeline.apply(event('message.posted', 301, message(301)));
  expect(timeline.window.rows[0]?.seq).toBe(2);
  timeline.isPinned = false;
  timeline.apply(event('message.posted', 302, message(302)));
  expect(timeline.window.rows[0]?.seq).toBe(2);
  expect(timeline.window.reachesEnd).toBe(false);
});

test('a failed first page says so, a failed refresh keeps what there is', async () => {
  const { asked, timeline } = setUp();
  const first = timeline.readNewest();
  asked[0]?.reject(new Error('down'));
  await first;
  expect(timeline.status).toBe('failed');
  const second = timeline.readNewest();
  asked[1]?.resolve(page(1, 3));
  await second;
  const third = timeline.readNewest();
  asked[2]?.reject(new Error('down'));
  await third;
  expect([timeline.status, timeline.window.rows.length]).toEqual(['ready', 3]);
});

const ROOM: Room = {
  id: 'room',
  guild: 'guild',
  name: 'general',
  topic: '',
  rev: 10,
  seq: 8,
  n: 8,
  marker: { seq: 6, n: 6 },
  unread: 2,
};

test('unread follows the head, and no head counts twice', () => {
  const later = withHead(ROOM, { rev: 12, seq: 9, n: 9 });
  expect(later.unread).toBe(3);
  expect(withHead(later, { rev: 12, seq: 9, n: 9 })).toBe(later);
  expect(withHead(later, { rev: 11, seq: 8, n: 8 })).toBe(later);
  expect(withHead(ROOM, { rev: 11, seq: 8, n: 8 }).unread).toBe(2);
});

test('a marker only goes forward', () => {
  const read = withMarker(ROOM, { seq: 8, n: 8 }, 0);
  expect(read.unread).toBe(0);
  expect(withMarker(read, { seq: 7, n: 7 }, 1)).toBe(read);
});
