import type { AuditEntry } from './api/types';

const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

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
  return { changes: changes.filter((change) => !isUsual(change)), others };
}

/** What is new, or gone, says of itself only what is not as everywhere. */
function isUsual({ field, before, after }: Change): boolean {
  const isAlone = before === '' || after === '';
  return isAlone && (field === 'position' || ['false', '0'].includes(before + after));
}

/** A value in words: ids and rights by their names, and exceptions one after the other. */
export function worded(value: string, nameOf: (id: string) => string, rightOf: (right: string) => string | undefined): string {
  const exceptions = value.split(', ').map((one) => /^(?:role|user) ([0-9A-HJKMNP-TV-Z]{26})((?: [+-][a-z_]+)*)$/.exec(one));
  if (!exceptions.includes(null)) {
    return exceptions.map((found) => {
      const [, id = '', rights = ''] = found ?? [];
      const told = rights.trim().split(' ').filter(Boolean).map((right) => `${right.startsWith('+') ? '✓' : '✕'} ${rightOf(right.slice(1)) ?? right.slice(1)}`);
      return told.length === 0 ? nameOf(id) : `${nameOf(id)}: ${told.join(', ')}`;
    }).join('; ');
  }
  const words = value.split(' ');
  const rights = words.map(rightOf);
  if (rights.every((right) => right !== undefined)) return rights.join(', ');
  return words.every((word) => ID.test(word)) ? words.map(nameOf).join(', ') : value;
}

/** For a spreadsheet. What could begin a formula there is kept from doing so. */
export function asCsv(entries: readonly AuditEntry[]): string {
  const cell = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const rows = entries.map(({ at, actor, kind, target, reason, details }) => [at, actor ?? '', kind, target ?? '', reason, JSON.stringify(details)]);
  return [['at', 'actor', 'kind', 'target', 'reason', 'details'], ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
}
