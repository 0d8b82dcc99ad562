import { expect, test } from 'vitest';
import { byNeed, merged } from '../src/lib/following';

const thread = (id: string, at: string, unread = 0) => ({ id, at, unread });

test('what is unread comes first, then what is newest', () => {
  const all = [thread('old', '2026-01-01'), thread('new', '2026-03-01'), thread('waiting', '2025-01-01', 2), thread('twin', '2026-03-01')];
  expect(byNeed(all)).toEqual(['waiting', 'twin', 'new', 'old']);
  expect(byNeed([])).toEqual([]);
});

test('an order that is held keeps what is there where it is', () => {
  expect(merged(['a', 'b', 'c'], ['d', 'c', 'a'])).toEqual(['a', 'c', 'd']);
  expect(merged([], ['b', 'a'])).toEqual(['b', 'a']);
});
