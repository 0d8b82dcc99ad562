import { describe, expect, test } from 'vitest';
import { lines, unseen, type Waiting } from '../src/lib/timeline/rows';
import { EMPTY, toRow, type Row } from '../src/lib/timeline/window';
import { ME, message, OTHER } from './fixtures';

const at = (minute: number, day = 20) => new Date(2026, 10, day, 9, minute).toISOString();
const row = (seq: number, minute: number, changes = {}) => toRow(message(seq, { at: at(minute), ...changes }));
const kindsOf = (...args: Parameters<typeof lines>) =>
  lines(...args).map((line) => ('leads' in line ? (line.leads ? 'lead' : 'more') : line.kind));
const kinds = (rows: Row[], ...rest: [Waiting[], number | undefined, string]) =>
  kindsOf({ ...EMPTY, rows, reachesEnd: true }, ...rest);

function waiting(changes: Partial<Waiting> = {}): Waiting {
  return {
    nonce: 'N',
    room: 'room',
    text: 'hello',
    reply_to: null,
    at: at(0),
    status: 'sending',
    tried: true,
    after: 0,
    ...changes,
  };
}

describe('lines', () => {
  test('messages of one author within five minutes are a group', () => {
    expect(kinds([row(1, 0), row(2, 4), row(3, 10)], [], undefined, ME)).toEqual(['day', 'lead', 'more', 'lead']);
  });

  test('another author, a reply and another day each begin a group', () => {
    const rows = [row(1, 0), row(2, 1, { author: ME }), row(3, 2, { author: ME, reply_to: 1 })];
    const next = toRow(message(4, { author: ME, at: at(2, 21) }));
    expect(kinds([...rows, next], [], undefined, ME)).toEqual(['day', 'lead', 'lead', 'lead', 'day', 'lead']);
  });

  test('a clock that steps back over midnight begins no day twice', () => {
    const rows = [row(1, 0), toRow(message(2, { at: at(1, 21) })), row(3, 2)];
    const all = lines({ ...EMPTY, rows, reachesEnd: true }, [waiting({ at: at(3) })], undefined, ME);
    expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
    expect(all.filter(({ kind }) => kind === 'day')).toHaveLength(2);
  });

  test('the new line stands once, above the first message of somebody else', () => {
    const rows = [row(1, 0), row(2, 1, { author: ME }), row(3, 2), row(4, 3)];
    expect(kinds(rows, [], 1, ME)).toEqual(['day', 'lead', 'lead', 'new', 'lead', 'more']);
  });

  test('what waits stands at the end, in its author`s group', () => {
    expect(kinds([row(1, 0, { author: ME })], [waiting({ at: at(1) })], undefined, ME)).toEqual(['day', 'lead', 'more']);
  });

  test('between a window that stops short of the end and what waits there is a gap', () => {
    const cut = { ...EMPTY, rows: [row(1, 0, { author: ME })] };
    expect(kindsOf(cut, [waiting({ at: at(1) })], undefined, ME)).toEqual(['day', 'lead', 'gap', 'lead']);
  });
});

describe('unseen', () => {
  test('an event of one`s own hides what it stands for before the answer comes', () => {
    expect(unseen([waiting()], [row(1, 0, { author: ME, text: 'hello' })], ME)).toEqual([]);
  });

  test('the same words of somebody else, from before, or already taken do not', () => {
    const same = { text: 'hello' };
    expect(unseen([waiting()], [row(1, 0, { ...same, author: OTHER })], ME)).toHaveLength(1);
    expect(unseen([waiting({ after: 1 })], [row(1, 0, { ...same, author: ME })], ME)).toHaveLength(1);
    const two = [waiting(), waiting({ nonce: 'M' })];
    expect(unseen(two, [row(1, 0, { ...same, author: ME })], ME)).toHaveLength(1);
  });

  test('what was refused or never sent stays', () => {
    const rows = [row(1, 0, { author: ME, text: 'hello' })];
    expect(unseen([waiting({ status: 'refused' })], rows, ME)).toHaveLength(1);
    expect(unseen([waiting({ status: 'waiting', tried: false })], rows, ME)).toHaveLength(1);
  });
});

describe('what the server tells', () => {
  const joined = { system: { kind: 'joined' } as const, text: '' };

  test('stands on a line of its own, and nothing continues it', () => {
    const rows = [row(1, 0), row(2, 1, joined), row(3, 2)];
    expect(kinds(rows, [], undefined, ME)).toEqual(['day', 'lead', 'system', 'lead']);
  });

  test('is not new: the line stands above the first real message', () => {
    const rows = [row(1, 0), row(2, 1, joined), row(3, 2)];
    expect(kinds(rows, [], 1, ME)).toEqual(['day', 'lead', 'system', 'new', 'lead']);
    expect(kinds(rows.slice(0, 2), [], 1, ME)).toEqual(['day', 'lead', 'system']);
  });
});
