import { i18n } from '../i18n/i18n.svelte';
import { flat, parts, places, stepped, steppedCategory } from '../order';
import { client } from './client.svelte';
import { guilds } from './guilds.svelte';
import { notices } from './notices.svelte';
import { readChannels } from './listing';
import { rooms } from './rooms.svelte';

/** As many as the server orders at once. */
const MOST = 500;

/** Shows a new order at once and tells the server; what it refuses is shown again as the server has it. */
export async function reorder(guild: string, order: readonly string[]): Promise<void> {
  const categories = guilds.categories.get(guild) ?? [];
  const headings = new Set(categories.map(({ id }) => id));
  const wanted = places(order, headings);
  guilds.categories.put(guild, categories.map((one) => ({ ...one, position: wanted.get(one.id)?.position ?? one.position })));
  for (const [id, place] of wanted) if (!headings.has(id)) rooms.alter(id, place);
  const done = await notices.of(
    (async () => {
      for (const part of parts(order, headings, MOST)) await client.ask('order_channels', { guild, ...part });
    })(),
  );
  if (done) return;
  guilds.categories.changed(guild);
  await readChannels(guild);
}

/** One step up or down for a channel, or for a category with all that stands under it. */
export async function move(guild: string, id: string, step: 1 | -1): Promise<void> {
  const before = guilds.sections(guild);
  const isCategory = before.some(({ category }) => category?.id === id);
  const order = isCategory ? steppedCategory(before, id, step) : stepped(flat(before), id, step);
  if (order.every((one, at) => one === flat(before)[at])) return;
  const name = rooms.get(id)?.name ?? guilds.categories.get(guild)?.find((one) => one.id === id)?.name ?? '';
  notices.tell(i18n.t.movedTo(name, order.indexOf(id) + 1, order.length));
  await reorder(guild, order);
}
