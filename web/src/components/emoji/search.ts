import { consonants } from '../../lib/search';
import codes from './codes.json';

/** An emoji and the words that find it, in every language that the page speaks. */
export type Entry = [emoji: string, words: string];
export type Groups = Entry[][];

/** The usual names between colons, which are GitHub's, and the commonest in Korean. */
const CODES = new Map(Object.entries(codes).map(([emoji, of]) => [emoji, of.split(' ')]));
const BY_CODE = new Map([...CODES].flatMap(([emoji, of]) => of.map((code) => [code, emoji] as const)));

/** The emoji that stands between colons by this name. */
export function byCode(code: string): string | undefined {
  return BY_CODE.get(code.normalize('NFC').toLowerCase());
}

/** Those of a list that are named so come first, then those whose words begin with it, or for Korean, contain it. */
export function find(groups: Groups, query: string): Entry[] {
  const code = query.normalize('NFC').trim().toLowerCase();
  const wanted = code.replaceAll('_', ' ');
  if (wanted === '') return [];
  const fits = /^[ㄱ-ㅎ]+$/.test(wanted) ? fitOfConsonants : fitOf;
  return groups
    .flat()
    .map((entry) => ({ entry, fit: fits(entry, wanted, code) }))
    .filter(({ fit }) => fit > 0)
    .sort((a, b) => b.fit - a.fit)
    .map(({ entry }) => entry);
}

function fitOf([emoji, words]: Entry, wanted: string, code: string): number {
  const own = CODES.get(emoji) ?? [];
  if (own.includes(code)) return 4;
  // The first word is the name, which people type from its beginning.
  if (words.startsWith(wanted) || words.split('|').includes(wanted)) return 3;
  if (own.some((one) => one.startsWith(code))) return 2;
  return matches(words, wanted) ? 1 : 0;
}

/** ㅎㅌ is 하트, but ㅎㅎ is also what people write. */
function fitOfConsonants([emoji, words]: Entry, wanted: string): number {
  const all = words.split('|');
  if (all.includes(wanted)) return 4;
  if ((CODES.get(emoji) ?? []).some((one) => consonants(one) === wanted)) return 3;
  const begun = all.map(consonants);
  if (begun.includes(wanted)) return 2;
  return begun.some((word) => word.startsWith(wanted)) ? 1 : 0;
}

function matches(words: string, wanted: string): boolean {
  return words
    .split('|')
    .some((word) => word.startsWith(wanted) || word.includes(` ${wanted}`) || /\p{Script=Hangul}/u.test(wanted) && word.includes(wanted));
}
