const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
/** How many syllables begin with each consonant. */
const PER_CONSONANT = 588;
const CONSONANTS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';

/** The text with each syllable of Hangul as its first consonant: 마당 is ㅁㄷ. */
export function consonants(text: string): string {
  return Array.from(text, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    if (code < FIRST_SYLLABLE || code > LAST_SYLLABLE) return letter;
    return CONSONANTS[Math.floor((code - FIRST_SYLLABLE) / PER_CONSONANT)] ?? letter;
  }).join('');
}

/** How well a name fits what was typed: 0 for not at all, more for better. */
export function fit(name: string, typed: string): number {
  const text = name.normalize('NFC').toLowerCase();
  const wanted = typed.normalize('NFC').trim().toLowerCase();
  if (wanted === '') return 1;
  const plain = fitOf(text, wanted);
  if (plain > 0) return plain;
  const isConsonants = /^[ㄱ-ㅎ\s]+$/.test(wanted);
  return isConsonants ? fitOf(consonants(text), wanted) : 0;
}

function fitOf(text: string, wanted: string): number {
  if (text === wanted) return 5;
  if (text.startsWith(wanted)) return 4;
  if (text.split(/[\s._-]+/).some((word) => word.startsWith(wanted))) return 3;
  if (text.includes(wanted)) return 2;
  return isInOrder(text, wanted) ? 1 : 0;
}

/** Whether all letters are there in this order, whatever stands between them. */
function isInOrder(text: string, wanted: string): boolean {
  let at = 0;
  for (const letter of wanted) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** Those whose names fit, the best first; what fits alike keeps its order. */
export function best<T>(all: readonly T[], typed: string, nameOf: (one: T) => string, most: number): T[] {
  return all
    .map((one) => ({ one, fits: fit(nameOf(one), typed) }))
    .filter(({ fits }) => fits > 0)
    .sort((a, b) => b.fits - a.fits)
    .slice(0, most)
    .map(({ one }) => one);
}
