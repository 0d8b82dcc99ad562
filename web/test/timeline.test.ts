import { beforeEach, describe, expect, test } from 'vitest';
import type { Page } from '../src/lib/api/types';
import { rooms, withHead, withMarker, withRead, type Room } from '../src/lib/state/rooms.svelte';
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

test('both ends read at once leave no hole, though one cuts what the other is for', async () => {
  const { asked, timeline } = setUp();
  const around = timeline.readAround(500);
  asked[0]?.resolve(page(201, 500, 900));
  await around;
  const newer = timeline.readNewer();
  const older = timeline.readOlder();
  asked[2]?.resolve(page(151, 200, 900));
  await older;
  expect([timeline.window.rows[0]?.seq, timeline.window.rows.at(-1)?.seq]).toEqual([151, 450]);
  asked[1]?.resolve(page(501, 550, 900));
  await newer;
  expect(timeline.window.rows.at(-1)?.seq).toBe(450);
  const again = timeline.readNewer();
  expect(asked[3]?.args).toMatchObject({ after: 450 });
  asked[3]?.resolve(page(451, 500, 900));
  await again;
  expect(seqs(timeline.window)).toEqual(range(201, 500).map((one) => one.seq));
});

test('what is posted while the window stops short of the present is kept out, and comes with its page', async () => {
  const { asked, timeline } = setUp();
  const around = timeline.readAround(25);
  asked[0]?.resolve(page(1, 50, 60));
  await around;
  timeline.apply(event('message.posted', 61, message(61)));
  expect(timeline.window.rows.at(-1)?.seq).toBe(50);
  const newer = timeline.readNewer();
  timeline.apply(event('message.posted', 62, message(62)));
  asked[1]?.resolve(page(51, 61, 61));
  await newer;
  expect(timeline.window.reachesEnd).toBe(true);
  expect(seqs(timeline.window)).toEqual(range(1, 62).map((one) => one.seq));
  timeline.apply(event('message.posted', 63, message(63)));
  expect(timeline.window.rows.at(-1)?.seq).toBe(63);
});

test('after a reset nothing is put behind what is here, even when the page does not come', async () => {
  const { asked, timeline } = setUp();
  const reading = timeline.readNewest();
  asked[0]?.resolve(page(1, 50));
  await reading;
  timeline.detach(400);
  const again = timeline.readHere(51);
  timeline.apply(event('message.posted', 401, message(301)));
  asked[1]?.reject(new Error('down'));
  await again;
  expect([timeline.rev, timeline.window.rows.at(-1)?.seq, timeline.window.reachesEnd]).toEqual([401, 50, false]);
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
  kind: 'channel',
  category: null,
  position: 0,
  slow_mode_seconds: 0,
  is_announcement: false,
  is_private: false,
  users: [],
  at: '',
  mentions: 0,
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

test('what one has just read is counted at once', () => {
  expect(withRead({ ...ROOM, n: 200, unread: 100 }, { seq: 50, n: 50 })).toMatchObject({ unread: 100, marker: { seq: 50 } });
  expect(withRead(ROOM, { seq: 7, n: 7 }).unread).toBe(1);
  expect(withRead(ROOM, { seq: 5, n: 5 })).toBe(ROOM);
});

describe('a snapshot with an older marker than ours', () => {
  const guild = { id: 'guild', name: '', owner: '', rev: 1, more_channels: false };
  const missed = { ...ROOM, rev: 160, seq: 158, n: 158, unread: 100 };
  const take = (channel: typeof ROOM, isOnTheWay: boolean) => rooms.take([{ ...guild, channels: [channel] }], [], false, () => isOnTheWay);

  beforeEach(() => {
    rooms.forget();
    take(ROOM, false);
    rooms.read('room', { seq: 8, n: 8 });
  });

  test('keeps ours while it is on its way, and counts from it', () => {
    expect(take(missed, true)).toEqual([]);
    expect(rooms.get('room')).toMatchObject({ marker: { seq: 8 }, unread: 100, n: 158 });
  });

  test('was put back elsewhere, and goes back here', () => {
    expect(take(missed, false).map(({ id }) => id)).toEqual(['room']);
    expect(rooms.get('room')).toMatchObject({ marker: ROOM.marker, unread: 100, n: 158 });
  });
});
