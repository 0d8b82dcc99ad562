import type { Message } from '../api/types';

/** Whether a message calls somebody: by name, or all at once. One's own calls nobody here. */
export function calls(message: Message, me: string, roles: ReadonlySet<string> = new Set()): boolean {
  const { mentions } = message;
  if (mentions === undefined || message.author === me) return false;
  if (mentions.everyone || mentions.here || mentions.users.includes(me)) return true;
  return mentions.roles.some((role) => roles.has(role));
}
