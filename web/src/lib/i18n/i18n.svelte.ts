import type { en } from '../../messages/en';

export type Locale = 'en' | 'ko';
/** English is the measure: a locale that lacks a text does not compile. */
export type Messages = typeof en;

export const LOCALES: readonly { locale: Locale; name: string }[] = [
  { locale: 'en', name: 'English' },
  { locale: 'ko', name: '한국어' },
];
/** Each a part of its own: nobody loads the words of a language that they do not read. */
const TABLES: Record<Locale, () => Promise<Messages>> = {
  en: async () => (await import('../../messages/en')).en,
  ko: async () => (await import('../../messages/ko')).ko,
};
const KEY = 'madang.locale';

function preferred(): Locale {
  const chosen = localStorage.getItem(KEY);
  if (chosen === 'en' || chosen === 'ko') return chosen;
  return navigator.languages.some((language) => language.startsWith('ko')) ? 'ko' : 'en';
}

class I18n {
  locale = $state<Locale>(preferred());
  /** There before anything is shown: see `load`. */
  t = $state.raw<Messages>({} as Messages);

  constructor() {
    // Another tab of the same browser may have chosen.
    globalThis.addEventListener?.('storage', ({ key, newValue }) => {
      if (key === KEY && (newValue === 'en' || newValue === 'ko')) this.choose(newValue).catch(() => undefined);
    });
  }

  async load(): Promise<void> {
    this.t = await TABLES[this.locale]();
  }

  async choose(locale: Locale): Promise<void> {
    localStorage.setItem(KEY, locale);
    const table = await TABLES[locale]();
    this.t = table;
    this.locale = locale;
  }
}

export const i18n = new I18n();
