const LONG_MS = 450;
/** A finger that travels further scrolls. */
const STILL_PX = 10;

/** The finger that goes must not press what has come up under it. */
function swallowTap(): void {
  const end = (event: TouchEvent) => {
    if (event.cancelable) event.preventDefault();
  };
  const done = () => {
    removeEventListener('pointerup', done);
    removeEventListener('pointercancel', done);
    setTimeout(() => {
      removeEventListener('touchend', end);
    });
  };
  addEventListener('touchend', end, { passive: false });
  addEventListener('pointerup', done);
  addEventListener('pointercancel', done);
}

/** Tells of a finger that rests on something: the way to a message's actions where there is no pointer to hover. What is excepted has a meaning of its own. */
export function longPress(onpress: (event: PointerEvent) => void, except = 'button, textarea') {
  return (node: HTMLElement) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let from: PointerEvent | undefined;
    const cancel = () => {
      clearTimeout(timer);
      from = undefined;
    };
    const down = (event: PointerEvent) => {
      cancel();
      const isControl = event.target instanceof Element && event.target.closest(except) !== null;
      if (event.pointerType === 'mouse' || isControl) return;
      from = event;
      timer = setTimeout(() => {
        swallowTap();
        onpress(event);
      }, LONG_MS);
    };
    const move = (event: PointerEvent) => {
      if (from === undefined) return;
      const far = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
      if (far > STILL_PX) cancel();
    };
    const menu = (event: Event) => {
      // The system's own menu for a long press would cover ours.
      if (from !== undefined) event.preventDefault();
    };
    const listeners = [
      ['pointerdown', down],
      ['pointermove', move],
      ['pointerup', cancel],
      ['pointercancel', cancel],
      ['contextmenu', menu],
    ] as const;
    for (const [name, listener] of listeners) node.addEventListener(name, listener as EventListener);
    return () => {
      cancel();
      for (const [name, listener] of listeners) node.removeEventListener(name, listener as EventListener);
    };
  };
}
