/** What can be done with a message. */
export type Action =
  | 'pick'
  | 'reply'
  | 'thread'
  | 'edit'
  | 'pin'
  | 'unread'
  | 'text'
  | 'link'
  | 'reactors'
  | 'revisions'
  | 'profile'
  | 'select'
  | 'date'
  | 'delete'
  | 'menu';

interface Key {
  /** As the keyboard names it: the same place on it in every language. */
  code: string;
  action: Action;
  shown: string;
}

/** The keys of a message that has the focus. */
export const KEYS: readonly Key[] = [
  { code: 'Enter', action: 'menu', shown: 'Enter' },
  { code: 'ContextMenu', action: 'menu', shown: '☰' },
  { code: 'KeyF', action: 'pick', shown: 'F' },
  { code: 'KeyR', action: 'reply', shown: 'R' },
  { code: 'KeyT', action: 'thread', shown: 'T' },
  { code: 'KeyE', action: 'edit', shown: 'E' },
  { code: 'KeyP', action: 'pin', shown: 'P' },
  { code: 'KeyU', action: 'unread', shown: 'U' },
  { code: 'KeyC', action: 'text', shown: 'C' },
  { code: 'KeyL', action: 'link', shown: 'L' },
  { code: 'KeyJ', action: 'date', shown: 'J' },
  { code: 'Delete', action: 'delete', shown: 'Del' },
];

type Pressed = Pick<KeyboardEvent, 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** What a key does to the message that has the focus. */
export function actionOf({ code, ctrlKey, metaKey, altKey, shiftKey }: Pressed): Action | undefined {
  if (ctrlKey || metaKey || altKey) return undefined;
  if (shiftKey) return code === 'F10' ? 'menu' : undefined;
  return KEYS.find((key) => key.code === code)?.action;
}

/** The key of an action, for where its name is shown. */
export const keyOf = (action: Action): string | undefined => KEYS.find((key) => key.action === action)?.shown;
