/** Where DMs and groups are, in the place of a guild. */
export const HOME = '@me';
