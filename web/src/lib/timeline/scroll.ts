/** How near to its end a list counts as being there: less than one line of text. */
const AT_END = 24;

/**
 * Keeps the place one reads where it is, whatever is put above or below it. At the end it follows the end. It is told
 * of every scroll and every change of size, and does nothing on its own.
 */
export class Anchor {
  isAtEnd = true;
  private row: Element | undefined;
  private offset = 0;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly rows: () => Iterable<Element>,
  ) {}

  /** After somebody scrolled: which row is on top now, and where. */
  note(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    const top = this.scroller.getBoundingClientRect().top;
    this.row = undefined;
    for (const row of this.rows()) {
      const rect = row.getBoundingClientRect();
      if (rect.bottom > top) {
        this.row = row;
        this.offset = rect.top - top;
        return;
      }
    }
  }

  /** After something changed its size: back to where one was. */
  restore(follow: boolean): void {
    if (this.isAtEnd && follow) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      return;
    }
    if (this.row?.isConnected !== true) return;
    const top = this.scroller.getBoundingClientRect().top;
    const moved = this.row.getBoundingClientRect().top - top - this.offset;
    if (Math.abs(moved) >= 1) this.scroller.scrollTop += moved;
  }

  toEnd(): void {
    this.isAtEnd = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  toRow(row: Element): void {
    row.scrollIntoView({ block: 'center' });
    this.note();
  }
}
