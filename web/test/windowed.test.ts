import { expect, it } from 'vitest';
import { inWindow } from '../src/lib/windowed';

it('shows what is in sight, and a few around it', () => {
  expect(inWindow(5_000, 40, 0, 400, 5)).toEqual({ first: 0, last: 15 });
  expect(inWindow(5_000, 40, 4_000, 400, 5)).toEqual({ first: 95, last: 115 });
  expect(inWindow(3, 40, 0, 400, 5)).toEqual({ first: 0, last: 3 });
  expect(inWindow(0, 40, 900, 400, 5)).toEqual({ first: 0, last: 0 });
});
