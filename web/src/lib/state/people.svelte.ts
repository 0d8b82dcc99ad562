import { SvelteMap } from 'svelte/reactivity';
import { http } from '../api/http';

/** Long enough that a page of messages asks once, short enough that nobody sees an empty name. */
const GATHER_MS = 15;
const MOST_AT_ONCE = 100;

/** Names by id. Messages carry ids only; names are asked for in batches and kept. */
class People {
  private names = new SvelteMap<string, string>();
  private wanted = new Set<string>();
  private asked = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** The name, or `undefined` while it is on its way. */
  name(id: string): string | undefined {
    return this.names.get(id);
  }

  know(id: string, name: string): void {
    if (this.names.get(id) !== name) this.names.set(id, name);
  }

  want(id: string): void {
    if (this.asked.has(id) || this.names.has(id)) return;
    this.asked.add(id);
    this.wanted.add(id);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.ask();
    }, GATHER_MS);
  }

  forget(): void {
    this.names.clear();
    this.asked.clear();
  }

  private async ask(): Promise<void> {
    const ids = [...this.wanted].slice(0, MOST_AT_ONCE);
    for (const id of ids) this.wanted.delete(id);
    if (ids.length === 0) return;
    try {
      const { users } = await http.users(ids);
      for (const user of users) this.know(user.id, user.name);
    } catch {
      // They are asked for again when somebody next looks at them.
      for (const id of ids) this.asked.delete(id);
    }
    if (this.wanted.size > 0) await this.ask();
  }
}

export const people = new People();
