const FAR_PX = 64;
const LONG_MS = 600;
/** From here the system's own gestures begin. */
const EDGE_PX = 16;

interface Spot {
  x: number;
  y: number;
  at: number;
}

export type Direction = 'left' | 'right';

/** Where a finger swiped to; nothing for one that rested, or went up or down. */
export function swipeOf(from: Spot, to: Spot): Direction | undefined {
  const across = to.x - from.x;
  const isSwipe = Math.abs(across) >= FAR_PX && Math.abs(across) > 2 * Math.abs(to.y - from.y) && to.at - from.at <= LONG_MS;
  return isSwipe ? (across < 0 ? 'left' : 'right') : undefined;
}

/** Tells of one finger that swipes over something. Of pointers nothing is heard once the browser thinks of scrolling. */
export function swipe(onswipe: (to: Direction) => void) {
  return (node: HTMLElement) => {
    let from: Spot | undefined;
    const spotOf = ({ changedTouches: [touch], timeStamp }: TouchEvent): Spot => ({ x: touch?.clientX ?? 0, y: touch?.clientY ?? 0, at: timeStamp });
    const start = (event: TouchEvent) => {
      const spot = spotOf(event);
      const isEdge = spot.x < EDGE_PX || spot.x > innerWidth - EDGE_PX;
      from = event.touches.length === 1 && !isEdge && !isTaken(event.target, node) ? spot : undefined;
    };
    const end = (event: TouchEvent) => {
      const to = from === undefined ? undefined : swipeOf(from, spotOf(event));
      from = undefined;
      if (to !== undefined && getSelection()?.isCollapsed !== false) onswipe(to);
    };
    const cancel = () => (from = undefined);
    node.addEventListener('touchstart', start, { passive: true });
    node.addEventListener('touchend', end);
    node.addEventListener('touchcancel', cancel);
    return () => {
      node.removeEventListener('touchstart', start);
      node.removeEventListener('touchend', end);
      node.removeEventListener('touchcancel', cancel);
    };
  };
}

/** Something on the way up has a use of its own for a finger that goes sideways. */
function isTaken(target: EventTarget | null, end: HTMLElement): boolean {
  for (let one = target; one instanceof HTMLElement && one !== end; one = one.parentElement) {
    const isWide = one.scrollWidth > one.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX);
    if (isWide || one.matches('input, textarea, select, dialog, [popover], [draggable=true]')) return true;
  }
  return false;
}
