import { SvelteMap } from 'svelte/reactivity';
import { untilAnswered } from './listing';

/** Something of each guild or room that is read when somebody first wants it, and again when it has changed. */
export class Kept<T> {
  private known = new SvelteMap<string, T>();
  private asked = new Set<string>();

  constructor(private readonly ask: (id: string) => Promise<T>) {}

  get(id: string): T | undefined {
    return this.known.get(id);
  }

  want(id: string): void {
    if (this.asked.has(id)) return;
    this.asked.add(id);
    void untilAnswered(() => this.read(id));
  }

  async read(id: string): Promise<void> {
    const found = await this.ask(id);
    this.asked.add(id);
    this.known.set(id, found);
  }

  put(id: string, value: T): void {
    this.asked.add(id);
    this.known.set(id, value);
  }

  /** It may be different now; nobody needs to know who did not want it. */
  changed(id: string): void {
    if (this.asked.has(id)) void untilAnswered(() => this.read(id));
  }

  /** After a break nobody knows what changed meanwhile. */
  renew(): void {
    for (const id of this.asked) this.changed(id);
  }

  forget(): void {
    this.known.clear();
    this.asked.clear();
  }
}
