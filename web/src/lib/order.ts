/** The list of a guild's channels under its categories, and what moving something in it means. */

export interface Placed {
  id: string;
  position: number;
}

export interface PlacedChannel extends Placed {
  category: string | null;
}

/** One heading with what stands under it; the first one has no category. */
export interface Section<C extends PlacedChannel, H extends Placed> {
  category: H | undefined;
  channels: C[];
}

/** The server orders by place, and what has the same one by age. */
const byPlace = (a: Placed, b: Placed) => a.position - b.position || (a.id < b.id ? -1 : 1);

export function sections<C extends PlacedChannel, H extends Placed>(channels: readonly C[], categories: readonly H[]): Section<C, H>[] {
  const sorted = channels.toSorted(byPlace);
  const known = new Set(categories.map(({ id }) => id));
  // A category that the guild has no more stands for none.
  const loose = sorted.filter(({ category }) => category === null || !known.has(category));
  const under = categories.toSorted(byPlace).map((category) => ({ category, channels: sorted.filter((channel) => channel.category === category.id) }));
  return [{ category: undefined, channels: loose }, ...under];
}

/** The ids from top to bottom, as the server takes them. */
export function flat(all: readonly Section<PlacedChannel, Placed>[]): string[] {
  return all.flatMap(({ category, channels }) => [...(category === undefined ? [] : [category.id]), ...channels.map(({ id }) => id)]);
}

/** A channel one step up or down; at the edge of its category it goes into the next one. */
export function stepped(order: readonly string[], id: string, step: 1 | -1): string[] {
  const at = order.indexOf(id);
  const to = at + step;
  if (at < 0 || to < 0 || to >= order.length) return [...order];
  return order.toSpliced(at, 1).toSpliced(to, 0, id);
}

/** A whole category one step up or down, with all that stands under it. */
export function steppedCategory(all: readonly Section<PlacedChannel, Placed>[], id: string, step: 1 | -1): string[] {
  const [loose, ...under] = all;
  const at = under.findIndex(({ category }) => category?.id === id);
  const to = at + step;
  const moved = under[at];
  if (loose === undefined || moved === undefined || to < 0 || to >= under.length) return flat(all);
  return flat([loose, ...under.toSpliced(at, 1).toSpliced(to, 0, moved)]);
}

/** Something dropped before or after something else; what is dropped on a heading stands first under it. */
export function dropped(order: readonly string[], id: string, on: string, side: 'before' | 'after'): string[] {
  if (id === on || !order.includes(on)) return [...order];
  const rest = order.filter((one) => one !== id);
  return rest.toSpliced(rest.indexOf(on) + (side === 'after' ? 1 : 0), 0, id);
}

/** What the list says of each: its place, and for a channel the category that it stands under. */
export function places(order: readonly string[], categories: ReadonlySet<string>): Map<string, { position: number; category: string | null }> {
  let category: string | null = null;
  return new Map(
    order.map((id, position) => {
      if (categories.has(id)) category = id;
      return [id, { position, category }];
    }),
  );
}

/** The server takes so many at once; each later part begins with the category that it goes on in. */
export function parts(order: readonly string[], categories: ReadonlySet<string>, most: number): { order: string[]; first: number }[] {
  const all: { order: string[]; first: number }[] = [];
  let heading: string | undefined;
  for (let at = 0; at < order.length; ) {
    const head: string[] = at > 0 && heading !== undefined && !categories.has(order[at] ?? '') ? [heading] : [];
    const part = order.slice(at, at + most - head.length);
    all.push({ order: [...head, ...part], first: at - head.length });
    heading = part.findLast((id) => categories.has(id)) ?? heading;
    at += part.length;
  }
  return all;
}
