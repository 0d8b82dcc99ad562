import { describe, expect, it } from 'vitest';
import { inGuild, inRoom, PERMISSIONS, placed, rankOf, stanceOf, withStance, type RoomRules } from '../src/lib/rights';

const GUILD = 'g';
const roles = [
  { id: GUILD, permissions: ['view', 'post'], position: 0 },
  { id: 'pinner', permissions: ['pin'], position: 3 },
  { id: 'chief', permissions: ['administrator'], position: 9 },
];
const somebody = (...own: string[]) => ({ user: 'u', isOwner: false, roles: own });
const open: RoomRules = { overrides: [], is_announcement: false };

describe('what somebody may do in a guild', () => {
  it('is what all of their roles allow together', () => {
    expect([...inGuild(GUILD, somebody(), roles)]).toEqual(['view', 'post']);
    expect(inGuild(GUILD, somebody('pinner'), roles).has('pin')).toBe(true);
  });

  it('is everything for the owner and for administrators', () => {
    expect(inGuild(GUILD, { isOwner: true, roles: [] }, roles).size).toBe(PERMISSIONS.length);
    expect(inGuild(GUILD, somebody('chief'), roles).size).toBe(PERMISSIONS.length);
  });
});

describe('what somebody may do in a channel', () => {
  const may = (own: string[], room: RoomRules) => inRoom(GUILD, somebody(...own), inGuild(GUILD, somebody(...own), roles), room);

  it('is what the guild gives where nothing is said', () => {
    expect(may([], open).has('post')).toBe(true);
  });

  it('is nothing where it cannot be seen', () => {
    const closed = { ...open, overrides: [{ role: GUILD, allow: [], deny: ['view'] }] };
    expect(may([], closed).size).toBe(0);
    expect(may(['chief'], closed).has('post')).toBe(true);
  });

  it('is decided by what is closer to the person', () => {
    const closed = { role: GUILD, allow: [], deny: ['view'] };
    const forRole = { role: 'pinner', allow: ['view'], deny: ['post'] };
    const forUser = { user: 'u', allow: ['post'], deny: [] };
    expect(may(['pinner'], { ...open, overrides: [closed, forRole] }).has('post')).toBe(false);
    expect(may(['pinner'], { ...open, overrides: [forUser, forRole, closed] }).has('post')).toBe(true);
  });

  it('lets a role give what another one takes', () => {
    const both = { ...open, overrides: [{ role: 'a', allow: ['pin'], deny: [] }, { role: 'b', allow: [], deny: ['pin'] }] };
    expect(may(['a', 'b'], both).has('pin')).toBe(true);
  });

  it('takes posting where only announcements are made', () => {
    expect(may([], { ...open, is_announcement: true }).has('post')).toBe(false);
  });
});

describe('an exception', () => {
  it('says one thing of a permission at a time', () => {
    const allowed = withStance({ role: 'a', allow: [], deny: ['pin'] }, 'pin', 'allow');
    expect(allowed).toEqual({ role: 'a', allow: ['pin'], deny: [] });
    expect(stanceOf(allowed, 'pin')).toBe('allow');
    expect(stanceOf(withStance(allowed, 'pin', 'neutral'), 'pin')).toBe('neutral');
    expect(stanceOf(undefined, 'pin')).toBe('neutral');
  });
});

describe('the order of roles', () => {
  it('is how high their members stand', () => {
    expect(rankOf(somebody('pinner'), roles)).toBe(3);
    expect(rankOf(somebody(), roles)).toBe(0);
    expect(rankOf({ isOwner: true, roles: [] }, roles)).toBe(Number.POSITIVE_INFINITY);
  });

  it('changes as few places as it needs, and none of the fixed ones', () => {
    const role = (id: string, position: number, isFixed = false) => ({ id, position, isFixed });
    const wanted = [role('top', 1), role('moderators', 1000, true), role('b', 1), role('a', 2), role('all', 0, true)];
    expect(placed(wanted)).toEqual([
      { id: 'a', position: 1 },
      { id: 'b', position: 2 },
      { id: 'top', position: 1001 },
    ]);
    expect(placed([role('b', 2), role('a', 1), role('all', 0, true)])).toEqual([]);
  });
});
