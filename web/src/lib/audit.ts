import type { AuditEntry } from './api/types';

/** One field that was different before. */
export interface Change {
  field: string;
  before: string;
  after: string;
}

/** What an entry says was changed, and what else it says. */
export function changesOf({ details }: AuditEntry): { changes: Change[]; others: [string, string][] } {
  const fields = new Set<string>();
  const others: [string, string][] = [];
  for (const [key, value] of Object.entries(details)) {
    const [, when, field] = /^(before|after)\.(.+)$/.exec(key) ?? [];
    if (when === undefined || field === undefined) others.push([key, value]);
    else fields.add(field);
  }
  const changes = [...fields].map((field) => ({ field, before: details[`before.${field}`] ?? '', after: details[`after.${field}`] ?? '' }));
  return { changes, others };
}

/** For a spreadsheet. What could begin a formula there is kept from doing so. */
export function asCsv(entries: readonly AuditEntry[]): string {
  const cell = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const rows = entries.map(({ at, actor, kind, target, reason, details }) => [at, actor ?? '', kind, target ?? '', reason, JSON.stringify(details)]);
  return [['at', 'actor', 'kind', 'target', 'reason', 'details'], ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
}
