/** Whether a link with this address works for others: only here, only nearby, or from everywhere. */
export type Reach = 'machine' | 'network' | 'everywhere';

const PRIVATE = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:)/i;

export function reachOf(url: string): Reach {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1' || host.startsWith('127.')) return 'machine';
  return PRIVATE.test(host) || host.endsWith('.local') || (!host.includes('.') && !host.includes(':')) ? 'network' : 'everywhere';
}

/** Whether everybody on the way can read what is written: without TLS, beyond this machine. */
export const isPlain = (url: string): boolean => new URL(url).protocol === 'http:' && reachOf(url) !== 'machine';

/** Where the server listens, as far as its address says; without a port that is where it listens unasked. */
export const portOf = (url: string): string => new URL(url).port || '8080';
