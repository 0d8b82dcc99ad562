import { expect, test } from 'vitest';
import { swipeOf } from '../src/lib/swipe';

const from = { x: 200, y: 300, at: 0 };

test('a quick way across is a swipe', () => {
  expect(swipeOf(from, { x: 100, y: 320, at: 200 })).toBe('left');
  expect(swipeOf(from, { x: 300, y: 260, at: 200 })).toBe('right');
});

test('a short one, a slow one and one that scrolls are not', () => {
  expect(swipeOf(from, { x: 240, y: 300, at: 100 })).toBeUndefined();
  expect(swipeOf(from, { x: 400, y: 300, at: 900 })).toBeUndefined();
  expect(swipeOf(from, { x: 300, y: 400, at: 200 })).toBeUndefined();
});
