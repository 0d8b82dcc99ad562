/** Figures of the server, from the page that it has for monitoring. */
export type Figures = ReadonlyMap<string, number>;

/** Sums what has the same name: the labels say which part of it. */
export function parseFigures(text: string): Figures {
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([a-z_:]+)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (name === undefined || value === undefined || !Number.isFinite(Number(value))) continue;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/** As people say sizes: in steps of 1,000, with one digit after the point where it matters. */
export function size(locale: string, bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const digits = bytes / 1000 ** step < 10 && step > 0 ? 1 : 0;
  return new Intl.NumberFormat(locale, { style: 'unit', unit: units[step] ?? 'byte', unitDisplay: 'short', maximumFractionDigits: digits }).format(bytes / 1000 ** step);
}
