import type { System } from '../api/types';
import type { Row, Window } from './window';

const GROUP_MS = 5 * 60_000;

/** A message that the server has not acknowledged yet. */
export interface Waiting {
  nonce: string;
  room: string;
  text: string;
  reply_to: number | null;
  at: string;
  status: 'waiting' | 'sending' | 'refused';
  /** Why it was refused. */
  code?: string;
  /** It went out at least once, so the server may have it. */
  tried: boolean;
  /** The newest message that was there before it: nothing up to here can be it. */
  after: number;
}

export type Line =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; row: Row; leads: boolean }
  | { kind: 'system'; key: string; row: Row; system: System }
  | { kind: 'gap'; key: string }
  | { kind: 'waiting'; key: string; item: Waiting; leads: boolean };

/** The day where the reader is, as `2026-11-20`: days compare as these texts do. */
export function dayOf(at: string): string {
  const date = new Date(at);
  const two = (number: number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

interface Before {
  author: string;
  at: string;
}

function continues(before: Before | undefined, author: string, at: string, isReply: boolean): boolean {
  if (before === undefined || before.author !== author || isReply) return false;
  return Date.parse(at) - Date.parse(before.at) < GROUP_MS;
}

/**
 * What stands in the timeline, line by line: days, the line above what is new, and messages, where the first of a
 * group leads it with its author's name. A gap stands where messages follow that are not in the window.
 */
export function lines(
  { rows, ahead, reachesEnd }: Window,
  waiting: readonly Waiting[],
  newAfter: number | undefined,
  me: string,
): Line[] {
  const result: Line[] = [];
  let before: Before | undefined;
  let day = '';
  let isNewShown = newAfter === undefined;
  const startDay = (at: string) => {
    const next = dayOf(at);
    // Times that step back begin no day again: its line stands above already.
    if (next <= day) return;
    day = next;
    before = undefined;
    result.push({ kind: 'day', key: `day ${next}`, at });
  };
  for (const row of [...rows, ...ahead]) {
    startDay(row.at);
    if (row.system !== undefined) {
      before = undefined;
      result.push({ kind: 'system', key: `m${row.seq}`, row, system: row.system });
      continue;
    }
    if (!isNewShown && row.seq > (newAfter ?? 0) && row.author !== me) {
      isNewShown = true;
      before = undefined;
      result.push({ kind: 'new', key: 'new' });
    }
    const leads = !continues(before, row.author, row.at, row.reply_to !== null);
    result.push({ kind: 'message', key: `m${row.seq}`, row, leads });
    before = { author: row.author, at: row.at };
  }
  if (!reachesEnd) {
    before = undefined;
    result.push({ kind: 'gap', key: 'gap' });
  }
  for (const item of waiting) {
    startDay(item.at);
    const leads = !continues(before, me, item.at, item.reply_to !== null);
    result.push({ kind: 'waiting', key: item.nonce, item, leads });
    before = { author: me, at: item.at };
  }
  return result;
}

/**
 * What of the outbox is not in the window yet. An event tells no nonce, so until the answer names the number, a message
 * of one's own with the same content, newer than the sending, counts as the one that went out.
 */
export function unseen(outbox: readonly Waiting[], rows: readonly Row[], me: string): Waiting[] {
  const taken = new Set<number>();
  return outbox.filter((item) => {
    if (!item.tried || item.status === 'refused') return true;
    const match = rows.find(
      (row) =>
        row.seq > item.after &&
        row.author === me &&
        row.system === undefined &&
        row.text === item.text &&
        row.reply_to === item.reply_to &&
        !taken.has(row.seq),
    );
    if (match === undefined) return true;
    taken.add(match.seq);
    return false;
  });
}
