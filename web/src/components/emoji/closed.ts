import { isInFence, type Change } from '../../lib/composing';
import { toned } from '../../lib/state/tone.svelte';
import { byCode } from './search';

const CLOSED = /(?:^|[^\p{L}\p{N}:]):([\p{L}\p{N}_+-]{1,40}):$/u;

/** What becomes of a code whose last colon stands before the caret, unless it is within code of the other kind. */
export function closed(text: string, caret: number): Change | undefined {
  const before = text.slice(0, caret);
  const code = CLOSED.exec(before)?.[1] ?? '';
  const emoji = byCode(code);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  if (emoji === undefined || isInFence(text, caret) || line.split('`').length % 2 === 0) return undefined;
  const from = caret - code.length - 2;
  const shown = toned(emoji);
  return { from, to: caret, text: shown, select: [from + shown.length, from + shown.length] };
}
