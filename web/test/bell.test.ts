import { expect, test } from 'vitest';
import type { Level, Status } from '../src/lib/api/types';
import { choiceFor, isWorthTelling, Told } from '../src/lib/bell';

const occasion = { isConversation: false, calls: false, level: 'default' as Level, isMuted: false, status: 'online' as Status };

test('DMs and calls are told, other words only to those who chose so', () => {
  expect(isWorthTelling(occasion)).toBe(false);
  expect(isWorthTelling({ ...occasion, calls: true })).toBe(true);
  expect(isWorthTelling({ ...occasion, isConversation: true })).toBe(true);
  expect(isWorthTelling({ ...occasion, level: 'all' })).toBe(true);
  expect(isWorthTelling({ ...occasion, isConversation: true, level: 'mentions' })).toBe(false);
  expect(isWorthTelling({ ...occasion, calls: true, level: 'mentions' })).toBe(true);
});

test.each([{ level: 'nothing' as const }, { isMuted: true }, { status: 'do_not_disturb' as const }])('nobody is disturbed with %j', (change) => {
  expect(isWorthTelling({ ...occasion, isConversation: true, calls: true, ...change })).toBe(false);
});

test('the choice for a room comes before that for its guild', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  const choices = [
    { guild: 'guild', level: 'all' as const, muted_until: null },
    { room: 'hall', level: 'nothing' as const, muted_until: null },
    { room: 'yard', level: 'default' as const, muted_until: '2026-11-20T13:00:00Z' },
  ];
  expect(choiceFor(choices, 'hall', 'guild', now)).toEqual({ level: 'nothing', isMuted: false });
  expect(choiceFor(choices, 'yard', 'guild', now)).toEqual({ level: 'all', isMuted: true });
  expect(choiceFor(choices, 'yard', 'guild', now + 2 * 3_600_000)).toEqual({ level: 'all', isMuted: false });
  expect(choiceFor(choices, 'elsewhere', undefined, now)).toEqual({ level: 'default', isMuted: false });
});

test('what was told once is not told again, for as long as it is remembered', () => {
  const told = new Told(2);
  expect([told.first('a'), told.first('a'), told.first('b'), told.first('c'), told.first('a')]).toEqual([true, false, true, true, true]);
});
