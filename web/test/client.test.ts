import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Channel, ListedGuild, Ready } from '../src/lib/api/types';
import { event, ME, message, range } from './fixtures';

/** What the page finds in a browser, as far as this layer needs it. */
class FakeSocket {
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: { id: number; op: string; args: Record<string, unknown> }[] = [];

  constructor() {
    sockets.push(this);
  }

  send(data: string) {
    this.sent.push(JSON.parse(data) as FakeSocket['sent'][0]);
  }

  close() {
    // The test says when.
  }

  tell(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  signal(signal: string, data: object) {
    this.tell({ signal, data });
  }

  ops(op: string) {
    return this.sent.filter((frame) => frame.op === op);
  }

  async answer(op: string, ok: object) {
    this.tell({ id: this.ops(op).at(-1)?.id, ok });
    await settle();
  }
}

const PLAIN = { category: null, position: 0, slow_mode_seconds: 0, is_announcement: false, is_private: false };

function memory() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

const sockets: FakeSocket[] = [];
vi.stubGlobal('WebSocket', FakeSocket);
vi.stubGlobal('location', { protocol: 'http:', host: 'test' });
vi.stubGlobal('sessionStorage', memory());
vi.stubGlobal('localStorage', memory());
const { client } = await import('../src/lib/state/client.svelte');
const { guildAt, lastRoom, pathTo, remember } = await import('../src/lib/state/places');
const { rooms } = await import('../src/lib/state/rooms.svelte');
const { parseRoute } = await import('../src/router.svelte');

const socket = () => sockets.at(-1) as FakeSocket;
const settle = () => vi.advanceTimersByTimeAsync(0);

function channel(id: string, seq: number, marker = seq): Channel {
  const head = { rev: seq, seq, n: seq };
  return { id, name: id, topic: '', ...head, marker: { seq: marker, n: marker }, unread: Math.min(100, seq - marker), mentions: 0, ...PLAIN };
}

const guild = (id: string, ...channels: Channel[]): ListedGuild => ({
  id,
  name: `name of ${id}`,
  owner: 'somebody',
  rev: 1,
  channels,
  more_channels: false,
});

async function connect(guilds: ListedGuild[], changes: Partial<Ready> = {}) {
  const epoch = changes.epoch ?? 'E1';
  const timing = { heartbeat_ms: 30_000, authenticate_within_ms: 10_000, version: '1' };
  socket().signal('hello', { epoch, ...timing });
  const ready = { conversations: [], more_conversations: false, epoch, user: { id: ME, name: 'Me' }, session: 'S', resumed: false, guilds, ...changes };
  await socket().answer('authenticate', ready);
}

async function cut(code = 1006) {
  socket().onclose?.({ code });
  const before = sockets.length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sockets.length, 'it connects again by itself').toBe(before + 1);
}

/** Enters a room and answers what that asks for. */
async function enter(room: string, from: number, to: number, head = to) {
  const entered = client.enter(room);
  await socket().answer('open', { head: { rev: head, seq: head, n: head }, reset: false });
  const page = range(from, to).map((one) => ({ ...one, room }));
  await socket().answer('history', { head: { rev: head, seq: head, n: head }, messages: page });
  await entered;
  return shown(room);
}

function shown(room: string) {
  const timeline = client.timeline(room);
  if (timeline === undefined) throw new Error(`${room} is not open`);
  return timeline;
}

/** Answers to requests by path, one after the other; a number is a failure with that status. */
function serve(answers: Record<string, (object | number)[]>) {
  const waiting = new Map(Object.entries(answers));
  vi.stubGlobal('fetch', (url: string) => {
    const answer = waiting.get(url.replace('/api/v1', ''))?.shift() ?? 404;
    const status = typeof answer === 'number' ? answer : 200;
    return Promise.resolve(new Response(JSON.stringify(typeof answer === 'number' ? { code: status === 404 ? 'not_found' : 'unavailable' } : answer), { status }));
  });
  return waiting;
}

const ends = (room: string) => {
  const { rows } = shown(room).window;
  return [rows[0]?.seq, rows.at(-1)?.seq];
};

beforeEach(() => {
  vi.useFakeTimers();
  client.start();
});

afterEach(() => {
  client.stop(false);
  vi.useRealTimers();
});

describe('guilds', () => {
  const two = () => [guild('G1', channel('hall', 5), channel('attic', 9, 7)), guild('G2', channel('yard', 8, 5))];

  test('a snapshot may list several, each with its own rooms and its own count of what is unread', async () => {
    await connect(two());
    expect(rooms.guilds.map(({ id }) => id)).toEqual(['G1', 'G2']);
    expect(rooms.inGuild('G2').map(({ id }) => id)).toEqual(['yard']);
    expect([rooms.unreadIn('G1'), rooms.unreadIn('G2'), rooms.unread]).toEqual([2, 3, 5]);
    socket().signal('head', { room: 'yard', rev: 9, seq: 9, n: 9 });
    expect([rooms.unreadIn('G1'), rooms.unreadIn('G2')]).toEqual([2, 4]);
  });

  test('a new channel comes into its own guild, and a guild that one has left goes with its rooms', async () => {
    await connect(two());
    socket().signal('room', { guild: 'G2', channel: channel('garden', 0) });
    expect(rooms.inGuild('G2').map(({ id }) => id)).toEqual(['yard', 'garden']);
    await cut();
    await connect(two().slice(0, 1), { resumed: true });
    expect(rooms.guilds.map(({ id }) => id)).toEqual(['G1']);
    expect(rooms.get('yard')).toBeUndefined();
  });

  test('a guild that one comes into appears with its channels, also when the first answer fails', async () => {
    await connect(two().slice(0, 1));
    const asked = serve({ '/guilds': [503, { guilds: [{ id: 'G2', name: 'Two', owner: 'o', rev: 3 }] }] });
    asked.set('/guilds/G2/channels', [{ channels: [channel('yard', 8)], more: true }]);
    asked.set('/guilds/G2/channels?after=yard', [{ channels: [channel('shed', 1)], more: false }]);
    socket().signal('guild_joined', { guild: 'G2' });
    await vi.advanceTimersByTimeAsync(1_500);
    expect(rooms.guilds.map(({ id }) => id)).toEqual(['G1', 'G2']);
    expect(rooms.inGuild('G2').map(({ id }) => id)).toEqual(['yard', 'shed']);
  });

  test('a guild that one is sent away from goes at once, and what is on the screen with it', async () => {
    await connect(two());
    await enter('yard', 1, 8);
    socket().signal('guild_left', { guild: 'G2' });
    expect(rooms.guilds.map(({ id }) => id)).toEqual(['G1']);
    expect([rooms.get('yard'), shown('yard').status, shown('yard').window.rows]).toEqual([undefined, 'gone', []]);
  });

  test('a room that one may not see any more goes from the list and the screen, and may come back', async () => {
    await connect(two());
    await enter('hall', 1, 5);
    socket().signal('reset', { stream: 'room:hall', head: { rev: 0, seq: 0, n: 0 } });
    expect([rooms.get('hall'), shown('hall').status, shown('hall').window.rows]).toEqual([undefined, 'gone', []]);
    socket().signal('room', { guild: 'G1', channel: channel('hall', 6) });
    client.leave('hall');
    expect((await enter('hall', 1, 6)).status).toBe('ready');
  });

  test('a guild whose channels are to be read anew keeps only those', async () => {
    await connect(two());
    await enter('attic', 1, 9);
    serve({ '/guilds/G1/channels': [{ channels: [channel('hall', 5), channel('den', 1)], more: false }] });
    socket().signal('reset', { guild: 'G1' });
    await settle();
    expect(rooms.inGuild('G1').map(({ id }) => id)).toEqual(['hall', 'den']);
    expect(shown('attic').status).toBe('gone');
  });

  test('a connection names all of them when it resumes', async () => {
    await connect(two());
    await cut();
    socket().signal('hello', { epoch: 'E1', heartbeat_ms: 30_000, authenticate_within_ms: 10_000, version: '1' });
    expect(socket().ops('authenticate')[0]?.args['resume']).toEqual({ epoch: 'E1', rooms: {}, guilds: { G1: 1, G2: 1 } });
  });

  test('the address says which guild and room; without the guild the room tells it', async () => {
    await connect(two());
    expect(pathTo('yard', 3)).toBe('/g/G2/r/yard/3');
    expect(guildAt(parseRoute('/g/G2', '', ''))?.id).toBe('G2');
    expect(guildAt(parseRoute('/r/yard', '', ''))?.id).toBe('G2');
    expect(guildAt(parseRoute('/g/G1/r/yard', '', ''))?.id).toBe('G2');
    expect(guildAt(parseRoute('/g/GONE', '', ''))?.id).toBe('G1');
  });

  test('each guild remembers the room where one was last, and the page the guild', async () => {
    await connect(two());
    expect([guildAt(parseRoute('/', '', ''))?.id, lastRoom('G1'), lastRoom('G2')]).toEqual(['G1', 'attic', 'yard']);
    remember('G1', 'hall');
    remember('G2', 'yard');
    expect([guildAt(parseRoute('/', '', ''))?.id, lastRoom('G1'), lastRoom('G2')]).toEqual(['G2', 'hall', 'yard']);
  });
});

describe('opening a room', () => {
  test('with something new in it begins there', async () => {
    await connect([guild('G', channel('room', 400, 100))]);
    const timeline = await enter('room', 76, 125, 400);
    expect(socket().ops('history')[0]?.args).toMatchObject({ around: 101 });
    expect(timeline.arrival).toEqual({ at: 101, isTarget: false, isMarked: false });
    expect([timeline.newAfter, timeline.window.reachesEnd]).toEqual([100, false]);
  });

  test('with nothing new begins at the present', async () => {
    await connect([guild('G', channel('room', 400))]);
    const timeline = await enter('room', 351, 400);
    expect(socket().ops('history')[0]?.args).toEqual({ room: 'room', limit: 50 });
    expect(timeline.arrival).toEqual({ at: undefined, isTarget: false, isMarked: false });
  });

  test('again begins at the present again, when one had left it further up', async () => {
    await connect([guild('G', channel('room', 400, 100))]);
    await enter('room', 76, 125, 400);
    client.leave('room');
    rooms.read('room', { seq: 400, n: 400 });
    const entered = client.enter('room');
    await settle();
    expect(socket().ops('history')).toHaveLength(2);
    await socket().answer('history', { head: { rev: 400, seq: 400, n: 400 }, messages: range(351, 400) });
    await entered;
    expect([ends('room'), shown('room').arrival?.at]).toEqual([[351, 400], undefined]);
  });

  test('before there is a connection waits for it', async () => {
    await client.enter('room');
    expect([shown('room').status, shown('room').arrival]).toEqual(['loading', undefined]);
    await connect([guild('G', channel('room', 400, 100))]);
    await socket().answer('open', { head: { rev: 400, seq: 400, n: 400 }, reset: false });
    await socket().answer('history', { head: { rev: 400, seq: 400, n: 400 }, messages: range(76, 125) });
    expect(shown('room').arrival?.at).toBe(101);
  });
});

describe('after a break', () => {
  test('what was missed follows, below a line', async () => {
    await connect([guild('G', channel('room', 20))]);
    await enter('room', 1, 20);
    await cut();
    await connect([guild('G', channel('room', 22, 20))], { resumed: true });
    for (const seq of [21, 22]) socket().tell(event('message.posted', seq, message(seq)));
    expect([ends('room'), shown('room').newAfter]).toEqual([[1, 22], 20]);
    expect(socket().ops('open'), 'the server has opened it').toHaveLength(0);
  });

  test('a reset reads on from where one was, and glues nothing to what was there', async () => {
    await connect([guild('G', channel('room', 20))]);
    await enter('room', 1, 20);
    await cut();
    await connect([guild('G', channel('room', 300, 20))], { resumed: true });
    socket().signal('reset', { stream: 'room:room', head: { rev: 300, seq: 300, n: 300 } });
    socket().tell(event('message.posted', 301, message(301)));
    expect(ends('room')).toEqual([1, 20]);
    expect(socket().ops('history').at(-1)?.args).toEqual({ room: 'room', around: 21, limit: 100 });
    await socket().answer('history', { head: { rev: 301, seq: 301, n: 301 }, messages: range(1, 70) });
    expect([ends('room'), shown('room').newAfter, shown('room').window.reachesEnd]).toEqual([[1, 70], 20, false]);
    expect(rooms.get('room')).toMatchObject({ seq: 301, unread: 100, marker: { seq: 20 } });
  });

  test('a reset of a room that nobody looks at is read when somebody does', async () => {
    await connect([guild('G', channel('room', 20), channel('hall', 3))]);
    await enter('room', 1, 20);
    client.leave('room');
    await enter('hall', 1, 3);
    await cut();
    await connect([guild('G', channel('room', 300, 20), channel('hall', 3))], { resumed: true });
    socket().signal('reset', { stream: 'room:room', head: { rev: 300, seq: 300, n: 300 } });
    expect(socket().ops('history')).toHaveLength(0);
    client.leave('hall');
    void client.enter('room');
    await settle();
    expect(socket().ops('history').at(-1)?.args).toMatchObject({ around: 21 });
  });

  test('other data is another beginning: nothing that was numbered before is kept', async () => {
    await connect([guild('G', channel('room', 20))]);
    await enter('room', 1, 20);
    await cut();
    await connect([guild('G', channel('room', 12))], { epoch: 'E2' });
    expect(rooms.get('room')).toMatchObject({ seq: 12, unread: 0, marker: { seq: 12 } });
    expect(shown('room').window.rows).toEqual([]);
    expect(socket().ops('open')[0]?.args).toEqual({ room: 'room' });
    await socket().answer('open', { head: { rev: 12, seq: 12, n: 12 }, reset: false });
    await socket().answer('history', { head: { rev: 12, seq: 12, n: 12 }, messages: range(1, 12) });
    expect(ends('room')).toEqual([1, 12]);
  });

  test('how far one has read is told again, when the server did not hear it', async () => {
    await connect([guild('G', channel('room', 20, 10))]);
    const timeline = await enter('room', 1, 20);
    const last = timeline.row(20);
    if (last !== undefined) client.seen(last);
    await cut();
    await connect([guild('G', channel('room', 20, 10))], { resumed: true });
    expect(socket().ops('mark').map(({ args }) => args)).toEqual([{ room: 'room', seq: 20 }]);
    expect(rooms.get('room')?.unread).toBe(0);
  });

  test('a server that said goodbye is restarting, until it was asked in vain', async () => {
    await connect([]);
    socket().signal('draining', { retry_ms: 700 });
    expect(client.isDraining).toBe(true);
    await cut(4006);
    expect(client.isDraining).toBe(true);
    vi.setSystemTime(Date.now() + 5_000);
    socket().onclose?.({ code: 1006 });
    expect([client.isDraining, client.link]).toEqual([false, 'waiting']);
  });
});

test('whoever posts has read up to there, wherever they post from', async () => {
  await connect([guild('G', channel('room', 20, 10))]);
  await enter('room', 1, 20);
  socket().tell(event('message.posted', 21, message(21, { author: ME })));
  expect(rooms.get('room')).toMatchObject({ marker: { seq: 21 }, unread: 0 });
});

test('a text that is too long for a frame never leaves', async () => {
  await connect([guild('G', channel('room', 0))]);
  client.send('room', '👨‍👩‍👧'.repeat(3_000), null);
  await settle();
  expect(socket().ops('post')).toEqual([]);
  expect(client.outbox.items.map(({ status, code }) => [status, code])).toEqual([['refused', 'too_large']]);
});

describe('what the server tells, and what is made unread', () => {
  const posted = (seq: number, changes: object) => ({
    ...event('message.posted', seq, { ...message(seq), room: 'hall', ...changes }),
    stream: 'room:hall',
  });

  test('a system message of one`s own moves no marker and is not unread', async () => {
    await connect([guild('G1', channel('hall', 5))]);
    await enter('hall', 1, 5);
    socket().tell(posted(6, { n: 5, author: ME, text: '', system: { kind: 'pinned', seq: 2 } }));
    expect(rooms.get('hall')).toMatchObject({ seq: 6, unread: 0, marker: { seq: 5 } });
    socket().tell(posted(7, { n: 6 }));
    expect(rooms.get('hall')).toMatchObject({ seq: 7, unread: 1, marker: { seq: 5 } });
    socket().tell(posted(8, { n: 7, author: ME }));
    expect(rooms.get('hall')).toMatchObject({ unread: 0, marker: { seq: 8 } });
  });

  test('another session puts the marker back: it goes back here, and what is in sight does not read it again', async () => {
    await connect([guild('G1', channel('hall', 5))]);
    await enter('hall', 1, 5);
    socket().signal('marker', { room: 'hall', seq: 2, n: 2, unread: 3, back: true });
    expect(rooms.get('hall')).toMatchObject({ unread: 3, marker: { seq: 2 } });
    expect(shown('hall')).toMatchObject({ isHeld: true, newAfter: 2 });
    socket().signal('marker', { room: 'hall', seq: 1, n: 1, unread: 4 });
    expect(rooms.get('hall')?.unread, 'an old one does not').toBe(3);
    client.leave('hall');
    await client.enter('hall');
    expect(shown('hall').isHeld).toBe(false);
  });
});

describe('conversations', () => {
  const dm = (id: string, changes: object = {}) => ({
    ...channel(id, 3),
    kind: 'dm' as const,
    name: '',
    users: [ME, 'bo'],
    at: '2026-11-20T09:00:00.000Z',
    ...changes,
  });
  const of = (room: string, kind: string, rev: number, data: object) => ({
    ...event(kind, rev, data),
    stream: `room:${room}`,
    at: '2026-11-20T10:00:00.000Z',
  });

  test('the newest is first, and what is said moves one up though it is not open', async () => {
    await connect([], { conversations: [dm('old'), dm('new', { at: '2026-11-20T09:30:00.000Z' })] });
    expect(rooms.conversations.map(({ id }) => id)).toEqual(['new', 'old']);
    socket().tell(of('old', 'message.posted', 4, { ...message(4), room: 'old' }));
    expect(rooms.conversations.map(({ id, unread }) => [id, unread])).toEqual([
      ['old', 1],
      ['new', 0],
    ]);
    expect([rooms.calls, rooms.callsIn('@me')], 'every word in one calls').toEqual([1, 1]);
  });

  test('one that begins elsewhere is read; one that is left is gone', async () => {
    await connect([]);
    serve({ '/conversations/group': [dm('group', { kind: 'group', name: 'Lunch' })] });
    socket().tell(of('group', 'room.created', 1, { room: { kind: 'group', name: 'Lunch', topic: '' }, members: [ME] }));
    await settle();
    await settle();
    expect(rooms.get('group')).toMatchObject({ name: 'Lunch', kind: 'group', guild: '@me' });
    socket().tell(of('group', 'room_member.changed', 2, { user: 'cy', on: true }));
    expect(rooms.get('group')?.users).toEqual([ME, 'bo', 'cy']);
    socket().tell(of('group', 'room.changed', 3, { room: { kind: 'group', name: 'Dinner', topic: '' } }));
    expect(rooms.get('group')?.name).toBe('Dinner');
    socket().tell(of('group', 'room_member.changed', 4, { user: ME, on: false }));
    expect(rooms.get('group')).toBeUndefined();
  });

  test('has an address of its own', async () => {
    await connect([], { conversations: [dm('old')] });
    expect(pathTo('old', 2)).toBe('/dm/r/old/2');
    expect(parseRoute('/dm/r/old/2', '', '')).toEqual({ page: 'room', guild: '@me', room: 'old', seq: 2 });
  });
});

test('what another session made unread while this one was away stays so, in sight or not', async () => {
  await connect([guild('G', channel('room', 20, 20), channel('hall', 5, 5))]);
  const timeline = await enter('room', 1, 20);
  await cut();
  await connect([guild('G', channel('room', 20, 12), channel('hall', 5, 3))], { resumed: true });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(socket().ops('mark')).toEqual([]);
  expect(rooms.get('hall')).toMatchObject({ marker: { seq: 3 }, unread: 2 });
  expect(rooms.get('room')).toMatchObject({ marker: { seq: 12 }, unread: 8 });
  expect([timeline.isHeld, timeline.newAfter]).toEqual([true, 12]);
});
