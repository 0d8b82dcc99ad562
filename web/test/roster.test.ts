import { describe, expect, it } from 'vitest';
import type { Member, Role } from '../src/lib/api/types';
import { roster } from '../src/lib/roster';

const role = (id: string, position: number): Role => ({ id, name: id, permissions: [], position, colour: null, is_mentionable: false, built_in: null });
const member = (id: string, ...roles: string[]): Member => ({ user: { id, name: id }, joined_at: '', nickname: null, roles });
const list = (members: Member[], here: string[] = []) =>
  roster({ members, roles: [role('chief', 9), role('guide', 2)], here: new Set(here), nameOf: ({ user }) => user.name, compare: (a, b) => a.localeCompare(b) }).map((row) =>
    row.kind === 'heading' ? `${row.key} ${row.count}` : row.user,
  );

describe('a list of people', () => {
  it('puts everybody under the highest role that they have', () => {
    expect(list([member('zoe'), member('bo', 'guide', 'chief'), member('ann', 'guide')])).toEqual(['@chief 1', 'bo', '@guide 1', 'ann', '@rest 1', 'zoe']);
  });

  it('begins with who is here, who then stands nowhere else', () => {
    expect(list([member('bo'), member('ann', 'chief')], ['ann', 'bo'])).toEqual(['@here 2', 'ann', 'bo']);
  });

  it('holds thousands', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => member(`m${at}`, at % 2 === 0 ? 'guide' : 'unknown'));
    const begin = performance.now();
    expect(list(many)).toHaveLength(5_002);
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});
