/** An emoji and the words that find it, in every language that the page speaks. */
export type Entry = [emoji: string, words: string];
export type Groups = Entry[][];

/** Those of a list whose words begin with what is searched, or for Korean, contain it. */
export function find(groups: Groups, query: string): Entry[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [];
  const all = groups.flat();
  // The first word is the name, which people type from its beginning.
  const exact = all.filter(([, words]) => words.startsWith(wanted) || words.split('|').includes(wanted));
  const rest = all.filter((entry) => !exact.includes(entry) && matches(entry[1], wanted));
  return [...exact, ...rest];
}

function matches(words: string, wanted: string): boolean {
  return words
    .split('|')
    .some((word) => word.startsWith(wanted) || word.includes(` ${wanted}`) || /\p{Script=Hangul}/u.test(wanted) && word.includes(wanted));
}
