import { en } from '../../messages/en';
import { ko } from '../../messages/ko';

export type Locale = 'en' | 'ko';
/** English is the measure: a locale that lacks a text does not compile. */
export type Messages = typeof en;

export const LOCALES: readonly { locale: Locale; name: string }[] = [
  { locale: 'en', name: 'English' },
  { locale: 'ko', name: '한국어' },
];
const TABLES: Record<Locale, Messages> = { en, ko };
const KEY = 'madang.locale';

function preferred(): Locale {
  const chosen = localStorage.getItem(KEY);
  if (chosen === 'en' || chosen === 'ko') return chosen;
  return navigator.languages.some((language) => language.startsWith('ko')) ? 'ko' : 'en';
}

class I18n {
  locale = $state<Locale>(preferred());
  t = $derived(TABLES[this.locale]);

  choose(locale: Locale): void {
    this.locale = locale;
    localStorage.setItem(KEY, locale);
  }
}

export const i18n = new I18n();
