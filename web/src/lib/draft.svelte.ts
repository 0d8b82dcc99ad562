/** What stands in a form, beside what was saved last. */
export class Draft<T> {
  private saved: T = $state.raw() as T;

  constructor(
    private readonly read: () => T,
    private readonly write: (saved: T) => void,
  ) {
    this.saved = read();
  }

  get isDirty(): boolean {
    return JSON.stringify(this.read()) !== JSON.stringify(this.saved);
  }

  /** What stands there now is saved. */
  keep(): void {
    this.saved = this.read();
  }

  discard(): void {
    this.write(this.saved);
  }
}
