/** Skin tones, from light to dark, as the letter that follows a person's emoji; none is the yellow one. */
export const TONES = ['', '\u{1f3fb}', '\u{1f3fc}', '\u{1f3fd}', '\u{1f3fe}', '\u{1f3ff}'] as const;

const TONE = /[\u{1f3fb}-\u{1f3ff}]/gu;
const BASE = /(\p{Emoji_Modifier_Base})\ufe0f?/gu;
const ONE = /^\p{RGI_Emoji}$/v;

/** An emoji in another skin tone; what has none stays as it is. */
export function withTone(emoji: string, tone: string): string {
  const plain = emoji.replace(TONE, '');
  if (tone === '') return plain;
  // Families and the like have no toned form, however many people are in them.
  const made = plain.replace(BASE, `$1${tone}`);
  return ONE.test(made) ? made : emoji;
}
