import type { Message } from '../api/types';
import type { Row } from './window';

/** Whether a message calls somebody: by name, or all at once. One's own calls nobody here. */
export function calls(message: Message, me: string, roles: ReadonlySet<string> = new Set()): boolean {
  const { mentions } = message;
  if (mentions === undefined || message.author === me) return false;
  if (mentions.everyone || mentions.here || mentions.users.includes(me)) return true;
  return mentions.roles.some((role) => roles.has(role));
}

/** How many of these are one's own words behind a place: nobody's own words are new to them. */
export function ownAfter(rows: readonly Row[], me: string, after: number): number {
  return rows.filter(({ seq, author, deleted, system }) => seq > after && author === me && deleted === null && system === undefined).length;
}
