/** Something that a page reads before it can show it, and reads again when that failed. */
export class Reading<T> {
  value = $state.raw<T | undefined>(undefined);
  status = $state<'loading' | 'ready' | 'failed'>('loading');

  constructor(private readonly ask: () => Promise<T>) {
    void this.read();
  }

  read = async (): Promise<void> => {
    if (this.value === undefined) this.status = 'loading';
    try {
      this.value = await this.ask();
      this.status = 'ready';
    } catch {
      if (this.value === undefined) this.status = 'failed';
    }
  };
}
