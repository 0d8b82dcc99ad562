import { expect, it } from 'vitest';
import { parseFigures, size } from '../src/lib/figures';

it('reads the figures and sums up their parts', () => {
  const text = '# HELP a b\n# TYPE a counter\na_total{x="1"} 3\na_total{x="2"} 4\nfree 1.5e9\nodd NaN\n';
  expect(Object.fromEntries(parseFigures(text))).toEqual({ a_total: 7, free: 1.5e9 });
});

it('says sizes as people do', () => {
  expect(size('en', 1_500_000_000)).toBe('1.5 GB');
  expect(size('en', 72_000)).toBe('72 kB');
  expect(size('en', 0)).toBe('0 byte');
});
