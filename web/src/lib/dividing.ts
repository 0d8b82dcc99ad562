import { fitting } from './graphemes';

const FENCE = /^ {0,3}(```+)(.*)$/;

/**
 * A long text in parts that fit, cut where it hurts least: between paragraphs, lines, sentences, words. A block of code
 * that is cut is closed and opened again.
 */
export function parts(text: string, most: number): string[] {
  const result: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const part = firstPart(rest, most);
    const open = openFence(part);
    result.push(open === undefined ? part.trimEnd() : `${part.trimEnd()}\n\`\`\``);
    const after = rest.slice(part.length).replace(/^\n+/, '').trimEnd();
    rest = open === undefined || after === '' ? after.trimStart() : `${open}\n${after}`;
  }
  return result;
}

/** What closes a block of code takes its place as well. */
const CLOSING = 4;

function firstPart(text: string, most: number): string {
  if (fitting(text, most) === text.length) return text;
  const whole = text.slice(0, fitting(text, most - CLOSING));
  for (const border of [/\n\n/g, /\n/g, /[.!?。…]\s/g, /\s/g]) {
    const last = [...whole.matchAll(border)].at(-1);
    const end = last === undefined ? 0 : last.index + last[0].length;
    // A cut near the beginning makes more parts than one likes to read.
    if (end > whole.length / 2) return whole.slice(0, end);
  }
  return whole;
}

/** The line that opened the block of code in which a text ends. */
function openFence(text: string): string | undefined {
  let open: string | undefined;
  for (const line of text.split('\n')) {
    if (!FENCE.test(line)) continue;
    open = open === undefined ? line : undefined;
  }
  return open;
}
