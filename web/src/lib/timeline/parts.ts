/** What a message's text consists of. Rendered by components: no string of HTML is ever made. */
export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'strong'; children: Inline[] }
  | { kind: 'em'; children: Inline[] }
  | { kind: 'del'; children: Inline[] }
  | { kind: 'spoiler'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'user'; id: string }
  | { kind: 'role'; id: string }
  | { kind: 'all'; text: 'everyone' | 'here' }
  | { kind: 'break' }
  | { kind: 'link'; href: string; children: Inline[] };

export type Block =
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'heading'; children: Inline[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'quote'; children: Block[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { kind: 'rule' };

/** Without any of these the text is one paragraph, which is what most messages are. */
const SPECIAL = /[*_~`#>|[\]\\<\n-]|\d[.)]|:\/\/|www\.|@/;

/** Whether nothing in a text is anything but letters: no mark, no address, nobody's name. */
export const isPlain = (text: string): boolean => !SPECIAL.test(text);

/** A text as it was typed, in which only who is meant is made out. */
export const asTyped = (text: string): Block[] => [{ kind: 'paragraph', children: textLines(text) }];

export function textLines(text: string): Inline[] {
  return text
    .split('\n')
    .flatMap((line, at): Inline[] => [
      ...(at > 0 ? [{ kind: 'break' } as const] : []),
      ...mentions(line),
    ]);
}

/** Whom a text names: `<@user>`, `<@&role>`, and the words that call everybody where they stand alone. */
const MENTION = /<@(&?)([0-9A-HJKMNP-TV-Z]{26})>|(?<![\p{L}\p{N}_])@(everyone|here)(?![\p{L}\p{N}_])/gu;

function mentions(line: string): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  for (const found of line.matchAll(MENTION)) {
    if (found.index > end) parts.push({ kind: 'text', text: line.slice(end, found.index) });
    const [, role, id, all] = found;
    if (id !== undefined) parts.push({ kind: role === '&' ? 'role' : 'user', id });
    else parts.push({ kind: 'all', text: all === 'here' ? 'here' : 'everyone' });
    end = found.index + found[0].length;
  }
  if (end < line.length) parts.push({ kind: 'text', text: line.slice(end) });
  return parts;
}
