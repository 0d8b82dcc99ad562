import { placeOf, type Anchor } from '../../components/parts/anchor';

/** The card of a person, one at a time, near what was clicked. */
class Cards {
  open = $state.raw<{ user: string; anchor: Anchor } | undefined>(undefined);

  show(user: string, anchor: Anchor): void {
    // What was clicked may scroll away or vanish; the card stays.
    this.open = { user, anchor: placeOf(anchor) };
  }

  close(): void {
    this.open = undefined;
  }
}

export const cards = new Cards();
