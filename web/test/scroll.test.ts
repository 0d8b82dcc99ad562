import { describe, expect, test } from 'vitest';
import { readUpTo } from '../src/lib/timeline/scroll';

describe('the read marker', () => {
  test('moves over what is in sight', () => {
    expect(readUpTo({ first: 5, last: 9 }, 6, false)).toBe(9);
    expect(readUpTo({ first: 7, last: 9 }, 6, false)).toBe(9);
  });

  test('does not leap over what was skipped', () => {
    expect(readUpTo({ first: 8, last: 9 }, 6, false)).toBeUndefined();
  });

  test('is at the present for whoever stands there', () => {
    expect(readUpTo({ first: 80, last: 99 }, 6, true)).toBe(99);
  });

  test('never goes back, and waits for the end of a long message', () => {
    expect(readUpTo({ first: 1, last: 5 }, 6, true)).toBeUndefined();
    expect(readUpTo({ first: 6, last: 6 }, 6, false)).toBeUndefined();
    expect(readUpTo({ first: 7, last: undefined }, 6, true)).toBeUndefined();
  });
});
