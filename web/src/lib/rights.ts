/** Who may do what, by the server's own rules: what it tells of roles and exceptions is enough to say it for anybody. */

/** Every permission, in the groups in which they are shown. */
export const GROUPS = {
  guild: ['administrator', 'manage_guild', 'manage_roles', 'manage_channels', 'view_audit'],
  people: ['invite', 'manage_invites', 'kick', 'ban', 'change_nickname', 'manage_nicknames'],
  talk: ['view', 'post', 'react', 'threads', 'mention_everyone', 'announce', 'skip_slow_mode', 'pin', 'manage_messages'],
} as const;

export type Permission = (typeof GROUPS)[keyof typeof GROUPS][number];

export const PERMISSIONS: readonly Permission[] = Object.values(GROUPS).flat();

/** What an exception in a channel can say something about. */
export const IN_ROOMS: readonly Permission[] = [...GROUPS.talk, 'manage_channels', 'invite'];

export interface Exception {
  role?: string;
  user?: string;
  allow: readonly string[];
  deny: readonly string[];
}

/** What is decided of a role or a member in a channel. */
export interface RoomRules {
  overrides: readonly Exception[];
  is_announcement: boolean;
}

/** Somebody as far as rights go. */
export interface Subject {
  user?: string;
  isOwner: boolean;
  /** Without the role of everybody. */
  roles: readonly string[];
}

interface RoleRights {
  id: string;
  permissions: readonly string[];
}

export type Rights = ReadonlySet<string>;

const ALL: Rights = new Set(PERMISSIONS);
const NONE: Rights = new Set();

/** The role that all members have carries the guild's own id. */
export function inGuild(guild: string, subject: Subject, roles: readonly RoleRights[]): Rights {
  if (subject.isOwner) return ALL;
  const own = roles.filter(({ id }) => id === guild || subject.roles.includes(id));
  const held = new Set(own.flatMap((role) => role.permissions));
  return held.has('administrator') ? ALL : held;
}

/** What is closer to the person wins: the role of everybody, then all other roles together, then the person. */
export function inRoom(guild: string, subject: Subject, held: Rights, room: RoomRules): Rights {
  if (held.has('administrator')) return ALL;
  const everybody = room.overrides.filter(({ role }) => role === guild);
  const ofRoles = room.overrides.filter(({ role }) => role !== undefined && role !== guild && subject.roles.includes(role));
  const own = room.overrides.filter(({ user }) => user !== undefined && user === subject.user);
  const rights = [everybody, ofRoles, own].reduce(withExceptions, held);
  if (!rights.has('view')) return NONE;
  if (!room.is_announcement || rights.has('announce')) return rights;
  return new Set([...rights].filter((right) => right !== 'post'));
}

/** What any of them gives wins over what another takes. */
function withExceptions(held: Rights, exceptions: readonly Exception[]): Rights {
  const denied = new Set(exceptions.flatMap(({ deny }) => deny));
  return new Set([...[...held].filter((right) => !denied.has(right)), ...exceptions.flatMap(({ allow }) => allow)]);
}

export type Stance = 'allow' | 'deny' | 'neutral';

export function stanceOf(exception: Exception | undefined, permission: string): Stance {
  if (exception?.allow.includes(permission) === true) return 'allow';
  return exception?.deny.includes(permission) === true ? 'deny' : 'neutral';
}

/** An exception that says something else about one permission. */
export function withStance(exception: Exception, permission: string, stance: Stance): Exception {
  const without = (all: readonly string[]) => all.filter((one) => one !== permission);
  return {
    ...exception,
    allow: stance === 'allow' ? [...without(exception.allow), permission] : without(exception.allow),
    deny: stance === 'deny' ? [...without(exception.deny), permission] : without(exception.deny),
  };
}

export interface Ranked {
  id: string;
  position: number;
}

/** How high somebody stands; nobody stands above the owner. */
export function rankOf(subject: Subject, roles: readonly Ranked[]): number {
  if (subject.isOwner) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...roles.filter(({ id }) => subject.roles.includes(id)).map(({ position }) => position));
}

/** The places of the roles below a fixed one keep below it: which get which number so that they stand in this order. */
export function placed(order: readonly (Ranked & { isFixed: boolean })[]): Ranked[] {
  const changes: Ranked[] = [];
  let below = 0;
  for (const role of order.toReversed()) {
    if (role.isFixed) {
      below = Math.max(below, role.position);
      continue;
    }
    below += 1;
    if (role.position !== below) changes.push({ id: role.id, position: below });
  }
  return changes;
}
