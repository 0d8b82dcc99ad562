/** Dates and counts as people of a language write them. Formatters are slow to make and cheap to keep. */
const kept = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${name}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat(locale, options);
  kept.set(key, made);
  return made;
}

export function time(locale: string, at: string): string {
  return formatter(locale, 'time', { hour: 'numeric', minute: '2-digit' }).format(new Date(at));
}

/** Only the clock's face, for the narrow column beside a group; the group's first line has the half of the day. */
export function clock(locale: string, at: string): string {
  const parts = formatter(locale, 'time', { hour: 'numeric', minute: '2-digit' }).formatToParts(new Date(at));
  return parts
    .filter((part) => part.type !== 'dayPeriod')
    .map((part) => part.value)
    .join('')
    .trim();
}

export function full(locale: string, at: string): string {
  return formatter(locale, 'full', { dateStyle: 'full', timeStyle: 'short' }).format(new Date(at));
}

export function day(locale: string, at: string, now: Date = new Date()): string {
  const date = new Date(at);
  const isThisYear = date.getFullYear() === now.getFullYear();
  return isThisYear
    ? formatter(locale, 'day', { month: 'long', day: 'numeric', weekday: 'long' }).format(date)
    : formatter(locale, 'day and year', { dateStyle: 'long' }).format(date);
}

export function list(locale: string, names: string[]): string {
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(names);
}

/** Which form of a counted word a language uses. */
export function plural(
  locale: string,
  count: number,
  forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string },
): string {
  const form = forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;
  return form.replace('#', new Intl.NumberFormat(locale).format(count));
}

/** Two letters at most, for a person without a picture. Hangul names are known by their last letters. */
export function initials(name: string): string {
  const letters = (text: string) => Array.from(text.trim());
  const trimmed = name.trim();
  if (/^\p{Script=Hangul}+$/u.test(trimmed)) return letters(trimmed).slice(-2).join('');
  const words = trimmed.split(/[\s._-]+/).filter((word) => word !== '');
  const first = letters(words[0] ?? '?')[0] ?? '?';
  const second = words.length > 1 ? (letters(words.at(-1) ?? '')[0] ?? '') : '';
  return (first + second).toUpperCase();
}

/** The same for a guild, which is known by its first letters. */
export function abbreviation(name: string): string {
  const trimmed = name.trim();
  if (/^\p{Script=Hangul}+$/u.test(trimmed)) return Array.from(trimmed).slice(0, 2).join('');
  return initials(trimmed);
}

/** One of twelve hues, the same for a person wherever they appear. */
export function hue(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 997;
  return (sum % 12) * 30;
}
