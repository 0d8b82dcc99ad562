import type { Level, Notification, Status } from './api/types';

/** What is known of something that was posted when it is decided whether to tell somebody who does not look. */
export interface Occasion {
  /** A DM or a group: each word is meant for its few people. */
  isConversation: boolean;
  /** It mentions the reader, or answers them. */
  calls: boolean;
  level: Level;
  isMuted: boolean;
  status: Status;
}

/** Whether the desktop tells of it. */
export function isWorthTelling({ isConversation, calls, level, isMuted, status }: Occasion): boolean {
  if (status === 'do_not_disturb' || isMuted || level === 'nothing') return false;
  if (level === 'all' || calls) return true;
  return isConversation && level === 'default';
}

/** What somebody chose for a room: by itself, or else for its guild. */
export function choiceFor(
  choices: readonly Notification[],
  room: string,
  guild: string | undefined,
  now: number,
): Pick<Occasion, 'level' | 'isMuted'> {
  const ofRoom = choices.find((one) => one.room === room);
  const ofGuild = guild === undefined ? undefined : choices.find((one) => one.guild === guild && one.room === undefined);
  const isMuted = [ofRoom, ofGuild].some((one) => Date.parse(one?.muted_until ?? '') > now);
  const level = ofRoom === undefined || ofRoom.level === 'default' ? (ofGuild?.level ?? 'default') : ofRoom.level;
  return { level, isMuted };
}

/** Remembers the last few of what was told: a message may be heard of in more than one way. */
export class Told {
  private readonly keys = new Set<string>();

  constructor(private readonly most = 500) {}

  /** Whether it was not told before; from now on it was. */
  first(key: string): boolean {
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    const [oldest] = this.keys;
    if (this.keys.size > this.most && oldest !== undefined) this.keys.delete(oldest);
    return true;
  }
}
