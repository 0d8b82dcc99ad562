import type { Presence } from '../api/types';
import { people } from './people.svelte';
import { presence } from './presence.svelte';
import { switches } from './switches.svelte';
import { typing } from './typing.svelte';

/** Signals about people, which nothing but what is known of these hangs on. */
export function heardOfPeople(signal: string, data: unknown): void {
  switch (signal) {
    case 'typing': {
      const { room, user } = data as { room: string; user: string };
      people.want(user);
      typing.heard(room, user);
      break;
    }
    case 'presence':
      presence.heard((data as { users: Presence[] }).users);
      break;
    case 'switched':
      switches.heard(data as { room: string; on: boolean });
      break;
    case 'profile':
      people.renew((data as { user: string }).user);
      break;
  }
}
