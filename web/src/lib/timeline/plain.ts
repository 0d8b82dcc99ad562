import type { Block, Inline } from './parts';

const EMOJI_ONLY = /^(?:\p{RGI_Emoji}\s*){1,5}$/v;

/** Up to five emoji and nothing else: shown larger, as a drawing would be. */
export function isEmojiOnly(text: string): boolean {
  return EMOJI_ONLY.test(text.trim());
}

/** What a person or a role is called, as far as it is known. */
export type NameOf = (kind: 'user' | 'role', id: string) => string | undefined;

/** Stands for what is covered. */
const COVER = '▒▒▒';

/** The letters of a part of a text, without what they look like. */
export function plainOf(parts: readonly Inline[], nameOf: NameOf = () => undefined): string {
  return parts.map((part) => letters(part, nameOf)).join('');
}

function letters(part: Inline, nameOf: NameOf): string {
  switch (part.kind) {
    case 'break':
      return ' ';
    case 'all':
      return `@${part.text}`;
    case 'user':
    case 'role':
      return `@${nameOf(part.kind, part.id) ?? '…'}`;
    // Whoever looks at a quote or a notification has uncovered nothing.
    case 'spoiler':
      return COVER;
    default:
      return 'text' in part ? part.text : plainOf(part.children, nameOf);
  }
}

/** One line of plain text, for quotes of a message elsewhere. */
export function plain(blocks: readonly Block[], nameOf: NameOf = () => undefined): string {
  return blocks.map((block) => plainBlock(block, nameOf)).join(' ').replace(/\s+/g, ' ').trim();
}

function plainBlock(block: Block, nameOf: NameOf): string {
  const all = (blocks: readonly Block[]) => blocks.map((one) => plainBlock(one, nameOf)).join(' ');
  switch (block.kind) {
    case 'paragraph':
    case 'heading':
      return plainOf(block.children, nameOf);
    case 'code':
      return block.text;
    case 'quote':
      return all(block.children);
    case 'list':
      return block.items.map(all).join(' ');
    case 'rule':
      return '';
  }
}
