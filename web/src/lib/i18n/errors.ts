import { ApiError } from '../api/errors';
import type { Messages } from './i18n.svelte';

/** What went wrong, in the reader's words. */
export function explain(t: Messages, error: unknown): string {
  if (!(error instanceof ApiError)) return t.errors.internal;
  if (error.code === 'invalid_field' || error.code === 'missing_field') {
    if (error.field === 'password') return t.errors.invalid_password;
    if (error.field === 'token') return t.errors.invalid_token;
    if (error.field?.endsWith('name')) return t.errors.invalid_name;
    return t.errors.invalid;
  }
  return explainCode(t, error.code);
}

export function explainCode(t: Messages, code: string): string {
  const texts: Record<string, string> = t.errors;
  return texts[code] ?? t.errors.internal;
}
