/** How near to its end a list counts as being there: less than one line of text. */
const AT_END = 24;
/** How much of what was read before stays in sight above what is new, as a share of the height. */
const CONTEXT = 0.2;

/** Which messages are in sight, by their numbers. */
export interface View {
  /** The first of which anything is in sight. */
  first: number;
  /** The last whose end is in sight; nothing when a message is taller than the screen. */
  last: number | undefined;
}

/**
 * Up to which message somebody has read who sees this much. What was skipped is not read: it takes a view that joins
 * what was read before, or one of the present, where whoever stands has caught up.
 */
export function readUpTo(view: View, marker: number, seesPresent: boolean): number | undefined {
  const { first, last } = view;
  if (last === undefined || last <= marker) return undefined;
  return seesPresent || first <= marker + 1 ? last : undefined;
}

/**
 * Keeps the place one reads where it is, whatever is put above or below it. At the end it follows the end. It is told
 * of every scroll and every change of size, and does nothing on its own.
 */
export class Anchor {
  isAtEnd = true;
  view: View | undefined;
  private row: Element | undefined;
  /** Where the row's end is, for what changes is mostly its beginning; or its beginning, while its end is not in sight. */
  private offset = 0;
  private edge: 'top' | 'bottom' = 'bottom';

  constructor(
    private readonly scroller: HTMLElement,
    private readonly rows: () => Iterable<HTMLElement>,
  ) {}

  /** After somebody scrolled: which row is on top now, and where, and what is in sight. */
  note(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    const { top, bottom } = this.scroller.getBoundingClientRect();
    this.row = undefined;
    this.view = undefined;
    for (const row of this.rows()) {
      const rect = row.getBoundingClientRect();
      if (rect.bottom <= top) continue;
      if (rect.top >= bottom) return;
      if (this.row === undefined) {
        this.row = row;
        this.edge = rect.bottom <= bottom ? 'bottom' : 'top';
        this.offset = rect[this.edge] - top;
      }
      const seq = Number(row.dataset['seq']);
      if (Number.isNaN(seq)) continue;
      this.view ??= { first: seq, last: undefined };
      // Half a pixel is what zoomed pages round away.
      if (rect.bottom <= bottom + 0.5) this.view.last = seq;
    }
  }

  /** After something changed its size: back to where one was. What is held stays in sight even when following the end. */
  restore(follow: boolean, held?: Element): void {
    if (this.isAtEnd && follow) {
      this.toEnd();
      const above = held === undefined ? 0 : this.context() - this.offsetOf(held);
      if (above > 0) this.scroller.scrollTop -= above;
      return;
    }
    if (this.row?.isConnected !== true) return;
    const moved = this.offsetOf(this.row, this.edge) - this.offset;
    if (Math.abs(moved) >= 1) this.scroller.scrollTop += moved;
  }

  toEnd(): void {
    this.isAtEnd = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** To where something new begins, with a little of what was before it. */
  toStartOf(element: Element): void {
    this.scroller.scrollTop += this.offsetOf(element) - this.context();
    this.note();
  }

  toRow(row: Element, block: 'center' | 'start' = 'center'): void {
    row.scrollIntoView({ block });
    this.note();
  }

  private offsetOf(element: Element, edge: 'top' | 'bottom' = 'top'): number {
    return element.getBoundingClientRect()[edge] - this.scroller.getBoundingClientRect().top;
  }

  private context(): number {
    return this.scroller.clientHeight * CONTEXT;
  }
}
