/** Which rows of a long list are in sight, with a few around them. */
export function inWindow(count: number, rowHeight: number, scrolled: number, height: number, around: number): { first: number; last: number } {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - around);
  const last = Math.min(count, Math.ceil((scrolled + height) / rowHeight) + around);
  return { first: Math.min(first, last), last };
}
