import { plural } from '../lib/i18n/format';

/** What is said around messages: the timeline, the composer, and getting about. */
export const talk = {
  copyCode: 'Copy code',
  uncover: 'Show spoiler',
  seeReactors: 'See who reacted',
  showMore: 'Show more',
  seeRevisions: 'See earlier versions',
  revisions: 'Earlier versions',
  revisionNow: 'now',
  jumpToDate: 'Go to a date',
  toBeginning: 'To the beginning',
  go: 'Go',
  selectMany: 'Choose several',
  selectOne: 'Choose this message',
  selected: (count: number) => plural('en', count, { one: '# message chosen', other: '# messages chosen' }),
  selectedTooMany: (most: number) => `At most ${most} messages at once`,
  deleteManyTitle: (count: number) => plural('en', count, { one: 'Delete # message?', other: 'Delete # messages?' }),
  keyMessage: 'Message above or below',
  threadIn: (room: string) => `Thread in ${room}`,
  keysOfMessage: 'On a message',
  keysOfMessageHint: 'Tab to a message, then the arrows lead to the others.',
};
