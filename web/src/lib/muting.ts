const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The server mutes for no longer: whoever says no end gets this. */
const LONGEST = 365 * DAY;
/** What ends later was meant to have no end. */
const ENDLESS_MS = 300 * DAY * 1000;
const MORNING = 9;

export const SPANS = ['quarter', 'hour', 'eight', 'tomorrow', 'always'] as const;
export type Span = (typeof SPANS)[number];

/** How many seconds something lasts that begins now. */
export function secondsOf(span: Span, now: Date): number {
  if (span === 'tomorrow') {
    const morning = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING);
    return Math.ceil((morning.getTime() - now.getTime()) / 1000);
  }
  return { quarter: 15 * MINUTE, hour: HOUR, eight: 8 * HOUR, always: LONGEST }[span];
}

/** How long it still lasts: in minutes below an hour, in hours below two days; undefined for what has no end. */
export function leftOf(until: number, now: number): { count: number; unit: 'minute' | 'hour' | 'day' } | undefined {
  const seconds = (until - now) / 1000;
  if (until - now > ENDLESS_MS) return undefined;
  if (seconds < HOUR) return { count: Math.max(1, Math.ceil(seconds / MINUTE)), unit: 'minute' };
  if (seconds < 2 * DAY) return { count: Math.round(seconds / HOUR), unit: 'hour' };
  return { count: Math.round(seconds / DAY), unit: 'day' };
}
