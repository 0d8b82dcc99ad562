/** Something that has a place on the page, which is all that a popover wants to know. */
export type Anchor = Pick<Element, 'getBoundingClientRect'>;

/** The place where something is now, for when it may be gone later. */
export function placeOf(anchor: Anchor): Anchor {
  const rect = anchor.getBoundingClientRect();
  return { getBoundingClientRect: () => rect };
}
