import { expect, test } from 'vitest';
import { neighbour } from '../src/lib/neighbours';
import type { Room } from '../src/lib/state/rooms.svelte';

const room = (id: string, unread = 0) => ({ id, unread }) as Room;
const rooms = [room('a'), room('b', 2), room('c'), room('d', 1)];
const idOf = (...args: Parameters<typeof neighbour>) => neighbour(...args)?.id;

test('goes to the next and the one before, round and round', () => {
  expect(idOf(rooms, 'a', 1, false)).toBe('b');
  expect(idOf(rooms, 'a', -1, false)).toBe('d');
  expect(idOf(rooms, 'd', 1, false)).toBe('a');
});

test('goes to what is unread, and nowhere when there is nothing', () => {
  expect(idOf(rooms, 'b', 1, true)).toBe('d');
  expect(idOf(rooms, 'a', -1, true)).toBe('d');
  expect(idOf([room('a'), room('b')], 'a', 1, true)).toBeUndefined();
  expect(idOf([room('a', 3)], 'a', 1, true)).toBeUndefined();
});

test('begins at an end when one is nowhere', () => {
  expect(idOf(rooms, undefined, 1, false)).toBe('a');
  expect(idOf(rooms, undefined, -1, false)).toBe('d');
});
