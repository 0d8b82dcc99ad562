import type { Problem } from './types';

/** A request that was not answered with what was asked for; `code` is the server's, or one of ours below. */
export class ApiError extends Error {
  readonly code: string;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, retryAfterMs?: number) {
    super(problem.message);
    this.code = problem.code;
    this.field = problem.field;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Nobody answered: the connection is down, or went down while we waited. */
export const OFFLINE = 'offline';
/** Nobody answered in time; whether the request was carried out is not known. */
export const NO_ANSWER = 'no_answer';

const PASSING = new Set([OFFLINE, NO_ANSWER, 'timeout', 'rate_limited', 'unavailable', 'internal']);

/** Whether the same request may go through a little later, without anybody changing anything. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && PASSING.has(error.code);
}

export function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : 'internal';
}
