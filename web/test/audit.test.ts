import { expect, it } from 'vitest';
import { asCsv, changesOf, worded } from '../src/lib/audit';

const entry = { at: '2026-11-20T09:30:00.125Z', actor: 'A', kind: 'role.changed', target: null, reason: '', details: {} };

it('pairs what was before with what is after', () => {
  const details = { 'before.name': 'tea', 'after.name': 'coffee', 'after.colour': '#ffffff', purge_hours: '24' };
  expect(changesOf({ ...entry, details })).toEqual({
    changes: [
      { field: 'name', before: 'tea', after: 'coffee' },
      { field: 'colour', before: '', after: '#ffffff' },
    ],
    others: [['purge_hours', '24']],
  });
});

it('makes a table that runs nothing', () => {
  const csv = asCsv([{ ...entry, reason: '=HYPERLINK("x")' }]);
  expect(csv.split('\r\n')[1]).toBe(`"2026-11-20T09:30:00.125Z","A","role.changed","","'=HYPERLINK(""x"")","{}"`);
});

it('leaves out of something new what is as usual', () => {
  const details = { 'after.name': 'tea', 'after.position': '1', 'after.slow_mode_seconds': '0', 'after.is_announcement': 'false', 'after.topic': 'green' };
  expect(changesOf({ ...entry, details }).changes.map(({ field }) => field)).toEqual(['name', 'topic']);
  const slower = { 'before.slow_mode_seconds': '10', 'after.slow_mode_seconds': '0', 'before.position': '1', 'after.position': '2' };
  expect(changesOf({ ...entry, details: slower }).changes.map(({ field }) => field)).toEqual(['slow_mode_seconds', 'position']);
});

it('says exceptions, rights and names without stray signs', () => {
  const all = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  const bo = '01BX5ZZKBKACTAV9WEVGEMMVS0';
  const told = (value: string) => worded(value, (id) => (id === all ? 'All members' : 'Bo'), (right) => ({ view: 'See rooms', post: 'Post' })[right]);
  expect(told(`role ${all} -view, user ${bo} +view +post`)).toBe('All members: ✕ See rooms; Bo: ✓ See rooms, ✓ Post');
  expect(told(`user ${bo}`)).toBe('Bo');
  expect(told('view post')).toBe('See rooms, Post');
  expect(told(`${all} ${bo}`)).toBe('All members, Bo');
  expect(told('a word of view')).toBe('a word of view');
  expect(told('')).toBe('');
});
