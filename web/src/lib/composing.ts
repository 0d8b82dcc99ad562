/** A change of a text in a field: what stands from here to there becomes this, and then this is selected. */
export interface Change {
  from: number;
  to: number;
  text: string;
  select: readonly [from: number, to: number];
}

/** What is selected between signs, as Markdown wants it; signs that are there already go. Spaces at its ends stay outside. */
export function wrapped(text: string, start: number, end: number, sign: string): Change {
  const chosen = text.slice(start, end);
  const from = start + (chosen.length - chosen.trimStart().length);
  const to = Math.max(from, end - (chosen.length - chosen.trimEnd().length));
  const inner = text.slice(from, to);
  const isAround = isSign(text, from - sign.length, sign) && isSign(text, to, sign);
  if (isAround) {
    const at = from - sign.length;
    return { from: at, to: to + sign.length, text: inner, select: [at, at + inner.length] };
  }
  if (inner.length >= 2 * sign.length && isSign(inner, 0, sign) && isSign(inner, inner.length - sign.length, sign)) {
    const bare = inner.slice(sign.length, inner.length - sign.length);
    return { from, to, text: bare, select: [from, from + bare.length] };
  }
  const at = from + sign.length;
  return { from, to, text: sign + inner + sign, select: [at, at + inner.length] };
}

/** Whether exactly this sign stands here: in `**bold**` there is no `*`. */
function isSign(text: string, at: number, sign: string): boolean {
  const letter = sign[0];
  return at >= 0 && text.startsWith(sign, at) && text[at - 1] !== letter && text[at + sign.length] !== letter;
}

/** What is selected becomes the words of a link, or what is being pasted becomes its address. */
export function linked(text: string, start: number, end: number, address = ''): Change {
  const words = text.slice(start, end);
  const made = `[${words}](${address})`;
  const caret = start + made.length - 1;
  const place = address === '' ? caret : start + made.length;
  return { from: start, to: end, text: made, select: [place, place] };
}

const ADDRESS = /^https?:\/\/\S+$/;

export const isAddress = (text: string): boolean => ADDRESS.test(text.trim());

const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})([.)]))( +)(\[[ x]\] )?/;
const QUOTE = /^(\s*(?:> ?)+)/;

/** A new line within a list or a quote begins like the one before; in an empty item it ends the list. */
export function newLine(text: string, caret: number): Change | undefined {
  if (isInFence(text, caret)) return undefined;
  const start = text.lastIndexOf('\n', caret - 1) + 1;
  const line = text.slice(start, caret);
  const item = ITEM.exec(line);
  const [lead = ''] = item ?? QUOTE.exec(line) ?? [];
  if (lead === '') return undefined;
  if (line.slice(lead.length).trim() === '') return { from: start, to: caret, text: '', select: [start, start] };
  const next = `\n${item === null ? lead : leadAfter(item)}`;
  return { from: caret, to: caret, text: next, select: [caret + next.length, caret + next.length] };
}

function leadAfter([, indent = '', bullet, number, end = '', space = ' ', box]: RegExpExecArray): string {
  const sign = bullet ?? `${Number(number) + 1}${end}`;
  return `${indent}${sign}${space}${box === undefined ? '' : '[ ] '}`;
}

/** Whether a place is within a block of code that nothing has closed yet. */
export function isInFence(text: string, at: number): boolean {
  const fences = text.slice(0, at).match(/^ {0,3}```/gm) ?? [];
  return fences.length % 2 === 1;
}
