import { expect, test } from 'vitest';
import { isLetter } from '../src/lib/writing';

const key = (key: string, rest: object = {}) => ({ key, keyCode: 0, isComposing: false, ctrlKey: false, metaKey: false, altKey: false, ...rest }) as KeyboardEvent;

test('letters and what input methods begin with are written; keys that do something are not', () => {
  for (const one of ['a', 'ㅎ', '?', '😀']) expect(isLetter(key(one))).toBe(true);
  expect(isLetter(key('Process', { keyCode: 229 }))).toBe(true);
  expect(isLetter(key('Unidentified', { keyCode: 229 }))).toBe(true);
  expect(isLetter(key('Dead'))).toBe(true);
  for (const one of ['Enter', 'Escape', 'ArrowUp', 'Tab', 'F5', ' ', 'Shift']) expect(isLetter(key(one))).toBe(false);
  for (const modifier of ['ctrlKey', 'metaKey', 'altKey']) expect(isLetter(key('a', { [modifier]: true }))).toBe(false);
});
