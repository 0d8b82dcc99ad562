/** The fields for messages that are on the page; the one that was used last is the last one. */
let fields: readonly HTMLTextAreaElement[] = [];

/** Whether the next field has the focus, whatever has it then. */
let isExpected = false;

/** A finger would bring up the keyboard, which covers what one came to read. */
const isTouch = () => matchMedia('(hover: none) and (pointer: coarse)').matches;

/** Has what is typed while nothing has the focus; where one comes from a link it takes the focus at once. */
export function offer(field: HTMLTextAreaElement): () => void {
  const used = () => (fields = [...fields.filter((one) => one !== field), field]);
  used();
  field.addEventListener('focus', used);
  if (isExpected && !isTouch()) {
    // What was open closes meanwhile, and gives the focus back to where it was.
    setTimeout(() => { field.focus({ preventScroll: true }); });
  } else take();
  isExpected = false;
  return () => {
    field.removeEventListener('focus', used);
    fields = fields.filter((one) => one !== field);
  };
}

/** One has just made the place where the next field is, and writes there. */
export function expect(): void {
  isExpected = true;
}

/**
 * Gives the focus to the field, where nothing else has a use for it. Before a key is pressed rather than by it: an
 * input method takes a first key for itself only where there is something to write in.
 */
export function take(): boolean {
  const field = fields.findLast((one) => one.checkVisibility({ visibilityProperty: true }));
  if (field === undefined || isTouch() || !isFree()) return false;
  field.focus({ preventScroll: true });
  return true;
}

/** Nothing has the focus but perhaps a link, which has no use for letters, and nothing is open. */
function isFree(): boolean {
  const { activeElement } = document;
  const isIdle = activeElement === null || activeElement === document.body || activeElement instanceof HTMLAnchorElement;
  return isIdle && document.querySelector('dialog[open], [popover]:popover-open') === null;
}

/** Whether a key writes something; `Process` and the code 229 are an input method's. */
export function isLetter(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.isComposing || event.keyCode === 229 || event.key === 'Process' || event.key === 'Dead') return true;
  return [...event.key].length === 1 && event.key !== ' ';
}

/** A key that nobody else took: the letter goes where the focus is then. */
export function typed(event: KeyboardEvent): void {
  if (!event.defaultPrevented && isLetter(event)) take();
}

/** Something was pressed that has no use for the focus either. */
export function pressed(): void {
  // Whoever has marked something wants to copy it.
  if (document.activeElement === document.body && getSelection()?.isCollapsed !== false) take();
}

export function pasted(event: ClipboardEvent): void {
  const text = event.clipboardData?.getData('text/plain') ?? '';
  if (text === '' || event.defaultPrevented || document.activeElement instanceof HTMLTextAreaElement || !take()) return;
  event.preventDefault();
  document.execCommand('insertText', false, text);
}
