import { describe, expect, test } from 'vitest';
import codes from '../src/components/emoji/codes.json';
import emoji from '../src/components/emoji/emoji.json';
import { byCode, find, type Groups } from '../src/components/emoji/search';
import { begun } from '../src/lib/mentions';

const first = (query: string) => find(emoji as Groups, query)[0]?.[0];

describe('codes of emoji', () => {
  test('name one exactly', () => {
    expect(byCode('smile')).toBe('😄');
    expect(byCode('+1')).toBe('👍');
    expect(byCode('thumbsup')).toBe('👍');
    expect(byCode('하트')).toBe('❤️');
    expect(byCode('nosuch')).toBeUndefined();
    expect(byCode('constructor')).toBeUndefined();
  });

  test('come first when somebody searches by them', () => {
    expect(first('heart')).toBe('❤️');
    expect(first('하트')).toBe('❤️');
    expect(first('+1')).toBe('👍');
    expect(first('thumbsu')).toBe('👍');
    expect(first('ㅎㅌ')).toBe('❤️');
    expect(first('ㅂㅅ')).toBe('👏');
    expect(first('red_heart')).toBe('❤️');
  });

  test('stand for what can be picked, each for one', () => {
    const all = new Set((emoji as Groups).flat().map(([one]) => one));
    expect(Object.keys(codes).filter((one) => !all.has(one))).toEqual([]);
    const names = Object.values(codes).flatMap((of) => of.split(' '));
    expect(new Set(names).size).toBe(names.length);
  });

  test('are begun by a sign as well, not by a time', () => {
    expect(begun('fine :+1', 8)).toMatchObject({ sign: ':', typed: '+1' });
    expect(begun('at :30', 6)).toBeUndefined();
  });
});
