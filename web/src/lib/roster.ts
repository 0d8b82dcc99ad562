import type { Member, Role } from './api/types';

/** One line of a list of people: a heading with how many follow it, or somebody. */
export type RosterRow = { kind: 'heading'; key: string; group: 'here' | 'role' | 'rest'; role?: Role; count: number } | { kind: 'person'; key: string; user: string; role?: Role };

interface Options {
  members: readonly Member[];
  /** The highest first. */
  roles: readonly Role[];
  /** Those who look at the room now. */
  here: ReadonlySet<string>;
  nameOf: (member: Member) => string;
  compare: (a: string, b: string) => number;
}

/** Who is here first, then everybody under the highest role that they have, then those without one. */
export function roster({ members, roles, here, nameOf, compare }: Options): RosterRow[] {
  const named = members.map((member) => ({ member, name: nameOf(member) })).sort((a, b) => compare(a.name, b.name));
  const byRole = new Map<string, Member[]>();
  const present: Member[] = [];
  const highest = new Map<string, Role | undefined>();
  for (const { member } of named) {
    const role = roles.find(({ id }) => member.roles.includes(id));
    highest.set(member.user.id, role);
    if (here.has(member.user.id)) present.push(member);
    else push(byRole, role?.id ?? '', member);
  }
  const person = (member: Member): RosterRow => {
    const role = highest.get(member.user.id);
    return { kind: 'person', key: member.user.id, user: member.user.id, ...(role === undefined ? {} : { role }) };
  };
  const group = (key: string, kind: 'here' | 'role' | 'rest', people: readonly Member[], role?: Role): RosterRow[] =>
    people.length === 0 ? [] : [{ kind: 'heading', key, group: kind, count: people.length, ...(role === undefined ? {} : { role }) }, ...people.map(person)];
  return [
    ...group('@here', 'here', present),
    ...roles.flatMap((role) => group(`@${role.id}`, 'role', byRole.get(role.id) ?? [], role)),
    ...group('@rest', 'rest', byRole.get('') ?? []),
  ];
}

function push(lists: Map<string, Member[]>, key: string, member: Member): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [member]);
  else list.push(member);
}
