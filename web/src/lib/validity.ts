import type { Messages } from './i18n/i18n.svelte';

/** What a field lacks before anything is sent. The browser would say it in its own language, and over the page. */
export function complaint(t: Messages, { validity, minLength }: Pick<HTMLInputElement, 'validity' | 'minLength'>): string {
  if (validity.valueMissing) return t.fillIn;
  return validity.tooShort ? t.tooShort(minLength) : t.notAllowed;
}
