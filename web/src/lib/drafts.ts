/** What somebody began to write in a room and did not send yet. */
const KEY = 'madang.draft.';

export function readDraft(room: string): string {
  return localStorage.getItem(KEY + room) ?? '';
}

export function keepDraft(room: string, text: string): void {
  if (text === '') localStorage.removeItem(KEY + room);
  else localStorage.setItem(KEY + room, text);
}

/** On signing out: the next user of this browser must not read them. */
export function forgetDrafts(): void {
  for (const key of Object.keys(localStorage)) if (key.startsWith(KEY)) localStorage.removeItem(key);
}
