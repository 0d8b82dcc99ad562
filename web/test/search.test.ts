import { expect, test } from 'vitest';
import { best, consonants, fit } from '../src/lib/search';

test('a syllable is known by its first consonant', () => {
  expect(consonants('김하늘 Ann')).toBe('ㄱㅎㄴ Ann');
});

test('what begins with it comes before what only has it', () => {
  const names = ['in general', 'agenda', 'general', 'gen'];
  expect(best(names, 'gen', (name) => name, 9)).toEqual(['gen', 'general', 'in general', 'agenda']);
  expect(best(names, 'gen', (name) => name, 1)).toEqual(['gen']);
});

test('Korean is found by consonants, by the beginning of a syllable`s word, and by what stands inside', () => {
  expect(fit('디자인 회의', 'ㅎㅇ')).toBeGreaterThan(0);
  expect(fit('디자인 회의', 'ㄷㅈㅇ')).toBeGreaterThan(fit('디자인 회의', 'ㅎㅇ'));
  expect(fit('디자인 회의', '회의')).toBeGreaterThan(0);
  expect(fit('디자인', 'ㄱ')).toBe(0);
});

test('letters in order are enough, in another order they are not', () => {
  expect(fit('release-0.1', 'rls')).toBe(1);
  expect(fit('release-0.1', 'slr')).toBe(0);
});
