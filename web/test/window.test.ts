import { describe, expect, test } from 'vitest';
import { apply, EMPTY, trimmed, withAnswer, withMessage, withMine, withPage } from '../src/lib/timeline/window';
import { event, ME, message, newest, OTHER, range, seqs } from './fixtures';

const reaction = (rev: number, changes: object = {}) =>
  event('reaction.changed', rev, { seq: 3, emoji: '👍', user: OTHER, on: true, count: 1, ...changes });

describe('records', () => {
  test('a record is taken only when its rev is higher', () => {
    const window = newest(1, 3);
    const older = apply(window, event('message.edited', 2, message(3, { rev: 2, text: 'stale' })), ME);
    expect(older).toBe(window);
    const newer = apply(window, event('message.edited', 4, message(3, { rev: 4, text: 'fresh' })), ME);
    expect(newer.rows[2]?.text).toBe('fresh');
  });

  test('an event that came before the page it is in changes nothing', () => {
    const early = withMessage({ ...EMPTY, reachesEnd: true }, message(3, { rev: 9, text: 'edited' }));
    const page = withPage(early, range(1, 3), { place: 'newest', limit: 3, headSeq: 3 });
    expect(page.rows[2]?.text).toBe('edited');
    expect(seqs(page)).toEqual([1, 2, 3]);
  });

  test('the same event twice is one message', () => {
    const posted = event('message.posted', 4, message(4));
    const window = apply(apply(newest(1, 3), posted, ME), posted, ME);
    expect(seqs(window)).toEqual([1, 2, 3, 4]);
  });

  test('an answer that overtakes earlier messages waits for them', () => {
    const waits = withAnswer(withAnswer(newest(1, 3), message(6)), message(5));
    expect([seqs(waits), waits.ahead.map((row) => row.seq)]).toEqual([[1, 2, 3], [5, 6]]);
    const window = withMessage(waits, message(4));
    expect([seqs(window), window.ahead]).toEqual([[1, 2, 3, 4, 5, 6], []]);
  });

  test('an answer that waits is not taken twice, and the newer record of it stays', () => {
    const waits = withAnswer(newest(1, 3), message(5, { rev: 9, text: 'edited' }));
    const window = withMessage(withMessage(waits, message(4)), message(5));
    expect([seqs(window), window.rows[4]?.text]).toEqual([[1, 2, 3, 4, 5], 'edited']);
  });

  test('an event that does not follow is not glued on: the window no longer reaches the end', () => {
    const window = apply(newest(1, 3), event('message.posted', 9, message(9)), ME);
    expect([seqs(window), window.reachesEnd]).toEqual([[1, 2, 3], false]);
  });

  test('a window that does not reach the end takes nothing after it', () => {
    const window = { ...newest(1, 3), reachesEnd: false };
    expect(withMessage(window, message(9))).toBe(window);
    expect(withMessage(window, message(4))).toBe(window);
    expect(withAnswer(window, message(4))).toBe(window);
  });

  test('the first message of an empty room is taken', () => {
    const empty = withPage(EMPTY, [], { place: 'newest', limit: 50, headSeq: 0 });
    expect(seqs(withMessage(empty, message(1)))).toEqual([1]);
    expect(seqs(withAnswer(empty, message(1)))).toEqual([1]);
    expect(seqs(withMessage(withAnswer(empty, message(2)), message(1)))).toEqual([1, 2]);
  });

  test('an unknown kind is passed over', () => {
    const window = newest(1, 3);
    expect(apply(window, event('message.painted', 4, {}), ME)).toBe(window);
  });

  test('a tombstone replaces the text', () => {
    const deleted = message(2, { rev: 8, text: '', deleted: { at: '2026-11-20T10:00:00.000Z', by: OTHER } });
    expect(apply(newest(1, 3), event('message.deleted', 8, deleted), ME).rows[1]?.deleted?.by).toBe(OTHER);
  });
});

describe('reactions', () => {
  test('counts follow the event, and vanish at zero', () => {
    const once = apply(newest(1, 3), reaction(4), ME);
    expect(once.rows[2]?.reactions).toEqual([{ emoji: '👍', count: 1 }]);
    const none = apply(once, reaction(5, { on: false, count: 0 }), ME);
    expect(none.rows[2]?.reactions).toEqual([]);
  });

  test('an old event does not count again', () => {
    const window = apply(newest(1, 3), reaction(9, { count: 2 }), ME);
    expect(apply(window, reaction(4), ME)).toBe(window);
  });

  test('one`s own are remembered through events that do not carry them', () => {
    const mine = apply(newest(1, 3), reaction(4, { user: ME }), ME);
    expect(mine.rows[2]?.mine).toEqual(['👍']);
    const edited = withMessage(mine, message(3, { rev: 5, reactions: [{ emoji: '👍', count: 1 }] }));
    expect(edited.rows[2]?.mine).toEqual(['👍']);
  });

  test('a replay whose record is already present still tells which are one`s own', () => {
    const replayed = withMessage(
      { ...EMPTY, reachesEnd: true },
      message(3, { rev: 4, reactions: [{ emoji: '👍', count: 1 }] }),
    );
    const window = apply(replayed, reaction(4, { user: ME }), ME);
    expect(window.rows[0]?.mine).toEqual(['👍']);
    expect(window.rows[0]?.reactions).toEqual([{ emoji: '👍', count: 1 }]);
  });

  test('an answer shows one`s own at once, and its event changes nothing more', () => {
    const answer = message(3, { rev: 4, reactions: [{ emoji: '👍', count: 1 }] });
    const window = withMine(newest(1, 3), answer, '👍', true);
    expect(window.rows[2]?.mine).toEqual(['👍']);
    const after = apply(window, reaction(4, { user: ME }), ME);
    expect(after.rows[2]?.reactions).toEqual([{ emoji: '👍', count: 1 }]);
    expect(after.rows[2]?.mine).toEqual(['👍']);
  });
});

describe('pages', () => {
  test('older ones go before, and say when the start is reached', () => {
    const window = newest(101, 150);
    const older = withPage(window, range(51, 100), { place: 'before', limit: 50, headSeq: 150 });
    expect([older.rows.length, older.reachesStart, older.reachesEnd]).toEqual([100, false, true]);
    const first = withPage(older, range(1, 50), { place: 'before', limit: 50, headSeq: 150 });
    expect(first.reachesStart).toBe(true);
  });

  test('a page that no longer touches the window is dropped', () => {
    const window = { ...newest(1, 100), reachesEnd: false };
    expect(withPage(window, range(151, 200), { place: 'after', limit: 50, headSeq: 200 })).toBe(window);
    const later = { ...newest(301, 400), reachesStart: false };
    expect(withPage(later, range(201, 250), { place: 'before', limit: 50, headSeq: 400 })).toBe(later);
  });

  test('newer ones go behind, and say when the end is reached', () => {
    const window = { ...newest(1, 50), reachesEnd: false };
    const more = withPage(window, range(51, 100), { place: 'after', limit: 50, headSeq: 120 });
    expect([more.rows.length, more.reachesEnd]).toEqual([100, false]);
    const all = withPage(more, range(101, 120), { place: 'after', limit: 50, headSeq: 120 });
    expect([all.rows.length, all.reachesEnd]).toEqual([120, true]);
  });

  test('a page elsewhere replaces what would leave a hole', () => {
    const window = withPage(newest(101, 150), range(1, 20), { place: 'around', limit: 20, headSeq: 150 });
    expect(seqs(window)).toEqual(range(1, 20).map((one) => one.seq));
    expect(window.reachesEnd).toBe(false);
  });

  test('a page around the end reaches the end', () => {
    const window = withPage(EMPTY, range(130, 150), { place: 'around', limit: 50, headSeq: 150 });
    expect([window.reachesStart, window.reachesEnd]).toEqual([false, true]);
  });

  test('an empty room reaches both ends', () => {
    const window = withPage(EMPTY, [], { place: 'newest', limit: 50, headSeq: 0 });
    expect([window.reachesStart, window.reachesEnd]).toEqual([true, true]);
  });

  test('trimming cuts the end that nobody looks at, and says so', () => {
    const window = { ...newest(1, 10), reachesStart: true };
    expect(trimmed(window, 'start', 4)).toMatchObject({ reachesStart: true, reachesEnd: false });
    expect(seqs(trimmed(window, 'end', 4))).toEqual([7, 8, 9, 10]);
    expect(trimmed(window, 'end', 4)).toMatchObject({ reachesStart: false, reachesEnd: true });
    expect(trimmed(window, 'end', 10)).toBe(window);
  });

  test('what waited behind an end that is cut off goes with it', () => {
    const window = withAnswer(newest(1, 10), message(12));
    expect(trimmed(window, 'start', 4).ahead).toEqual([]);
    expect(trimmed(window, 'end', 4).ahead).toHaveLength(1);
  });
});
