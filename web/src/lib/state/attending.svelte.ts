import { Attention } from '../attention';
import { client } from './client.svelte';

const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/** Tells the server what is looked at from this page, while it is shown; answers how to stop. */
export function attend(): { on: (room: string | undefined) => void; visible: (isVisible: boolean) => void; renew: () => void; stop: () => void } {
  const attention = new Attention({
    tell: (room, idle) => {
      client.ask('look', { ...(room === undefined ? {} : { room }), idle }).catch(() => undefined);
    },
  });
  const alive = () => {
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
