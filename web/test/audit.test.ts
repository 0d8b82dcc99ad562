import { expect, it } from 'vitest';
import { asCsv, changesOf } from '../src/lib/audit';

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
