import type { NameOf } from './timeline/plain';

/** What somebody picked while writing, as it stands in the field, and what it stands for in the message. */
export type Picked = ReadonlyMap<string, string>;

const CODE = /(`+)(?:(?!\1)[\s\S])*?\1|^ {0,3}(~{3,})[\s\S]*?(?:^ {0,3}\2~*[ \t]*$|(?![\s\S]))/gm;
const NAMED = /<@(&?)([0-9A-HJKMNP-TV-Z]{26})>/g;

/** A text as it is sent: what was picked by name becomes what the server understands, but not within code. */
export function encode(text: string, picked: Picked): string {
  if (picked.size === 0) return text;
  // A name may begin with another one, so the longer ones come first.
  const names = [...picked.keys()].sort((a, b) => b.length - a.length).map((name) => escaped(name));
  const any = new RegExp(`(?:${names.join('|')})(?![\\p{L}\\p{N}_])`, 'gu');
  return outsideCode(text, (part) => part.replace(any, (name) => picked.get(name) ?? name));
}

/** The same the other way round, for a text that is edited. */
export function decode(text: string, nameOf: NameOf): { text: string; picked: Map<string, string> } {
  const picked = new Map<string, string>();
  const shown = outsideCode(text, (part) =>
    part.replace(NAMED, (source, role: string, id: string) => {
      const name = nameOf(role === '&' ? 'role' : 'user', id);
      if (name === undefined || (picked.get(`@${name}`) ?? source) !== source) return source;
      picked.set(`@${name}`, source);
      return `@${name}`;
    }),
  );
  return { text: shown, picked };
}

function outsideCode(text: string, change: (part: string) => string): string {
  let result = '';
  let end = 0;
  for (const code of text.matchAll(CODE)) {
    result += change(text.slice(end, code.index)) + code[0];
    end = code.index + code[0].length;
  }
  return result + change(text.slice(end));
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** What is being typed that could be completed: the sign, the beginning, and where it stands. */
export interface Begun {
  sign: '@' | '#' | ':';
  typed: string;
  from: number;
  to: number;
}

const BEGUN = /(^|[\s([{"'“‘])([@#:])([^\s@#:`]{0,32})$/u;

export function begun(text: string, caret: number): Begun | undefined {
  const before = text.slice(0, caret);
  const found = BEGUN.exec(before);
  if (found === null) return undefined;
  const [, , sign, typed = ''] = found;
  // A colon stands in many texts; two letters after it are a wish for an emoji.
  if (sign === ':' && (Array.from(typed).length < 2 || /^[^\p{L}+-]/u.test(typed))) return undefined;
  return { sign: sign as Begun['sign'], typed, from: caret - typed.length - 1, to: caret };
}
