/** The most that the server takes in one message, in what people call letters. */
export const MOST_GRAPHEMES = 4_000;
/** And in bytes, which some letters have many of. */
const MOST_BYTES = 16 * 1024;
/** From here on the composer says how much is left. */
const NEAR = 200;

let segmenter: Intl.Segmenter | undefined;

export function countGraphemes(text: string): number {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  let count = 0;
  for (const part of segmenter.segment(text)) if (part.segment !== '') count += 1;
  return count;
}

/** How many more fit, once that is worth knowing; below zero when there are too many. */
export function graphemesLeft(text: string): number | undefined {
  // A grapheme is one unit or more, so a short text needs no counting.
  if (text.length <= MOST_GRAPHEMES - NEAR) return undefined;
  const left = MOST_GRAPHEMES - countGraphemes(text);
  return left <= NEAR ? left : undefined;
}

/** Whether a text has too many bytes, however few letters they make: the server would end the connection over it. */
export function isTooBig(text: string): boolean {
  // A unit of a string is at most three bytes.
  return text.length * 3 > MOST_BYTES && new TextEncoder().encode(text).length > MOST_BYTES;
}

/** How many units at the beginning of a text fit into so many letters, and into the bytes of as many; no letter is cut. */
export function fitting(text: string, most: number): number {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  const mostBytes = Math.floor((most * MOST_BYTES) / MOST_GRAPHEMES);
  let [count, bytes] = [0, 0];
  for (const { segment, index } of segmenter.segment(text)) {
    count += 1;
    bytes += new TextEncoder().encode(segment).length;
    if (count > most || bytes > mostBytes) return index;
  }
  return text.length;
}
