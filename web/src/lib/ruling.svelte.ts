import { en } from '../messages/ruling.en';
import { ko } from '../messages/ruling.ko';
import { i18n, type Locale } from './i18n/i18n.svelte';

/** The texts of what only some people need at times: settings, permissions, running a guild or the server. */
export type RulingMessages = typeof en;

const TABLES: Record<Locale, RulingMessages> = { en, ko };

export const ruling = {
  get t(): RulingMessages {
    return TABLES[i18n.locale];
  },
};
