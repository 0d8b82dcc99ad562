import { expect, test } from 'vitest';
import { leftOf, secondsOf } from '../src/lib/muting';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test('a mute lasts as long as it says', () => {
  const now = new Date(2026, 0, 31, 22, 30, 15);
  expect(secondsOf('quarter', now)).toBe(900);
  expect(secondsOf('hour', now)).toBe(3_600);
  expect(secondsOf('eight', now)).toBe(28_800);
  expect(secondsOf('always', now)).toBe(31_536_000);
});

test('tomorrow is nine in the morning, also after midnight and at the end of a month', () => {
  for (const now of [new Date(2026, 0, 31, 22, 30, 15), new Date(2026, 1, 1, 0, 5), new Date(2026, 11, 31, 9, 0)]) {
    const end = new Date(now.getTime() + secondsOf('tomorrow', now) * 1000);
    expect([end.getHours(), end.getMinutes()]).toEqual([9, 0]);
    const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
    expect(end.getDate()).toBe(next.getDate());
  }
});

test('what is left is said in the unit that fits', () => {
  expect(leftOf(500, 0)).toEqual({ count: 1, unit: 'minute' });
  expect(leftOf(15 * MINUTE, 0)).toEqual({ count: 15, unit: 'minute' });
  expect(leftOf(8 * HOUR, 10)).toEqual({ count: 8, unit: 'hour' });
  expect(leftOf(72 * HOUR, 0)).toEqual({ count: 3, unit: 'day' });
  expect(leftOf(365 * 24 * HOUR, 0)).toBeUndefined();
});
