import { ApiError } from '../api/errors';
import type { Messages } from './i18n.svelte';

/** What went wrong, in the reader's words. A channel's name follows other rules than a person's. */
export function explain(t: Messages, error: unknown, isTitle = false): string {
  if (!(error instanceof ApiError)) return t.errors.internal;
  if (error.code === 'invalid_field' || error.code === 'missing_field') {
    if (error.field === 'password') return t.errors.invalid_password;
    if (error.field === 'token') return t.errors.invalid_token;
    if (error.field === 'name') return isTitle ? t.errors.invalid_title : t.errors.invalid_name;
    if (error.field?.endsWith('_name')) return t.errors.invalid_title;
    return t.errors.invalid;
  }
  return explainCode(t, error.code);
}

export function explainCode(t: Messages, code: string): string {
  const texts: Record<string, string> = t.errors;
  return texts[code] ?? t.errors.internal;
}
