import { Attention } from '../attention';
import { client } from './client.svelte';

const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

const TELL_EVERY_MS = 1_000;

/** Tells the server what is looked at from this page, while it is shown; answers how to stop. */
export function attend(): { on: (room: string | undefined) => void; visible: (isVisible: boolean) => void; renew: () => void; stop: () => void } {
  const attention = new Attention({
    tell: (room, idle) => {
      client.ask('look', { ...(room === undefined ? {} : { room }), idle }).catch(() => undefined);
    },
  });
  let last = 0;
  const alive = () => {
    // A pointer on its way tells a hundred times a second that somebody is there.
    if (Date.now() - last < TELL_EVERY_MS) return;
    last = Date.now();
    attention.alive();
  };
  for (const sign of SIGNS) addEventListener(sign, alive, { passive: true, capture: true });
  return {
    on: (room) => {
      attention.on(room);
    },
    visible: (isVisible) => {
      attention.visible(isVisible);
    },
    renew: () => {
      attention.renew();
    },
    stop: () => {
      attention.stop();
      for (const sign of SIGNS) removeEventListener(sign, alive, { capture: true });
    },
  };
}
