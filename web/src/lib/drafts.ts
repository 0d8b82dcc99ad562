/** What somebody began to write in a room and did not send yet, and whom it names. */
export interface Draft {
  text: string;
  picked: ReadonlyMap<string, string>;
}

const KEY = 'madang.draft.';
const NAMES = 'madang.draft-names.';

export function readDraft(room: string): Draft {
  const picked = JSON.parse(localStorage.getItem(NAMES + room) ?? '[]') as [string, string][];
  return { text: localStorage.getItem(KEY + room) ?? '', picked: new Map(picked) };
}

export function keepDraft(room: string, text: string, picked: ReadonlyMap<string, string> = new Map()): void {
  keep(KEY + room, text);
  keep(NAMES + room, text === '' || picked.size === 0 ? '' : JSON.stringify([...picked]));
}

/** Whether this is where a room's draft is kept. */
export const isDraftOf = (key: string, room: string): boolean => key === KEY + room || key === NAMES + room;

/** On signing out: the next user of this browser must not read them. */
export function forgetDrafts(): void {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(KEY) || key.startsWith(NAMES)) localStorage.removeItem(key);
  }
}

function keep(key: string, value: string): void {
  if (value === '') localStorage.removeItem(key);
  else localStorage.setItem(key, value);
}
