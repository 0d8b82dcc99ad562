import { SvelteSet } from 'svelte/reactivity';

const KEY = 'madang.folded';

/** The categories that somebody has folded on this device. */
class Folded {
  private all = new SvelteSet<string>(JSON.parse(localStorage.getItem(KEY) ?? '[]') as string[]);

  has(category: string): boolean {
    return this.all.has(category);
  }

  toggle(category: string): void {
    if (!this.all.delete(category)) this.all.add(category);
    localStorage.setItem(KEY, JSON.stringify([...this.all]));
  }
}

export const folded = new Folded();
