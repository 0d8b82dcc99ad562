interface Followed {
  id: string;
  at: string;
  unread: number;
}

/** Threads in the order in which one would look at them: what is unread first, then where something was said last. */
export function byNeed(threads: readonly Followed[]): string[] {
  const isLess = (a: string, b: string) => Number(a < b) - Number(a > b);
  return threads
    .toSorted((a, b) => Number(b.unread > 0) - Number(a.unread > 0) || isLess(a.at, b.at) || isLess(a.id, b.id))
    .map(({ id }) => id);
}

/** The order as it was, with what has come at its end: nothing moves while somebody is about to press on it. */
export function merged(before: readonly string[], now: readonly string[]): string[] {
  const kept = before.filter((id) => now.includes(id));
  return [...kept, ...now.filter((id) => !kept.includes(id))];
}
