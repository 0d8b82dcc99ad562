import { expect, test } from 'vitest';
import { TONES, withTone } from '../src/lib/tone';
import { actionOf, KEYS, keyOf } from '../src/lib/timeline/keys';

const DARK = TONES[5];

test('people and hands take a tone, and lose it', () => {
  expect(withTone('👍', DARK)).toBe('👍🏿');
  expect(withTone('👍🏻', DARK)).toBe('👍🏿');
  expect(withTone('👍🏿', '')).toBe('👍');
  expect(withTone('☝️', DARK)).toBe('☝🏿');
  expect(withTone('👩‍💻', DARK)).toBe('👩🏿‍💻');
  expect(withTone('👩‍❤️‍👨', DARK)).toBe('👩🏿‍❤️‍👨🏿');
});

test('what has no tone stays as it is', () => {
  for (const emoji of ['❤️', '😀', '👨‍👩‍👧', '🏴‍☠️', '🇰🇷', '1️⃣']) expect(withTone(emoji, DARK)).toBe(emoji);
});

const pressed = (code: string, held: object = {}) => ({ code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test('the keys of a message are the same places in every language, and alone', () => {
  expect(actionOf(pressed('KeyR'))).toBe('reply');
  expect(actionOf(pressed('F10', { shiftKey: true }))).toBe('menu');
  for (const held of ['ctrlKey', 'metaKey', 'altKey', 'shiftKey']) expect(actionOf(pressed('KeyR', { [held]: true }))).toBeUndefined();
  expect(new Set(KEYS.map(({ code }) => code)).size).toBe(KEYS.length);
  expect(keyOf('menu')).toBe('Enter');
});
