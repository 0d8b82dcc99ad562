import { Lexer, type MarkedOptions, type Token, type TokenizerThis, type Tokens } from 'marked';

/** What a message's text consists of. Rendered by components: no string of HTML is ever made. */
export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'strong'; children: Inline[] }
  | { kind: 'em'; children: Inline[] }
  | { kind: 'del'; children: Inline[] }
  | { kind: 'spoiler'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'user'; id: string }
  | { kind: 'role'; id: string }
  | { kind: 'all'; text: 'everyone' | 'here' }
  | { kind: 'break' }
  | { kind: 'link'; href: string; children: Inline[] };

export type Block =
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'heading'; children: Inline[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'quote'; children: Block[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { kind: 'rule' };

/** Deeper nesting is nobody's message; it is shown as it was typed. */
const DEEPEST = 6;
const PROTOCOLS = ['http:', 'https:', 'mailto:'];
/** Without any of these the text is one paragraph, which is what most messages are. */
const SPECIAL = /[*_~`#>|[\]\\<\n-]|\d[.)]|:\/\/|www\.|@/;

/** `||what the reader uncovers||`, within one paragraph. */
const SPOILER = /^\|\|(?=\S)([\s\S]*?\S)\|\|(?!\|)/;

function spoiler(this: TokenizerThis, source: string): Tokens.Generic | undefined {
  const found = SPOILER.exec(source);
  if (found === null) return undefined;
  return { type: 'spoiler', raw: found[0], tokens: this.lexer.inlineTokens(found[1] ?? '') };
}

/** As `marked.use` would make it, which belongs to the part of `marked` that is left out. */
const OPTIONS: MarkedOptions = {
  gfm: true,
  breaks: true,
  extensions: {
    inline: [spoiler],
    startInline: [(source: string) => source.indexOf('||')],
    renderers: {},
    childTokens: {},
  } as unknown as NonNullable<MarkedOptions['extensions']>,
};

export function parse(text: string): Block[] {
  if (!SPECIAL.test(text)) return [{ kind: 'paragraph', children: [{ kind: 'text', text }] }];
  return blocks(new Lexer(OPTIONS).lex(text), 0);
}

/** An address that a click may follow, or nothing. */
export function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return PROTOCOLS.includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

function blocks(tokens: Token[], depth: number): Block[] {
  return tokens.flatMap((token) => block(token, depth));
}

function block(token: Token, depth: number): Block[] {
  const verbatim = (text: string): Block[] => {
    const shown = text.replace(/\n+$/, '');
    return shown === '' ? [] : [{ kind: 'paragraph', children: textLines(shown) }];
  };
  if (depth >= DEEPEST) return verbatim(token.raw);
  switch (token.type) {
    case 'space':
    case 'def':
      return token.type === 'def' ? verbatim(token.raw) : [];
    case 'paragraph':
    case 'text': {
      const { tokens, text } = token as Tokens.Paragraph | Tokens.Text;
      return [{ kind: 'paragraph', children: tokens ? inlines(tokens, depth) : textLines(text) }];
    }
    case 'heading':
      return [{ kind: 'heading', children: inlines((token as Tokens.Heading).tokens, depth) }];
    case 'code': {
      const { text, lang, codeBlockStyle } = token as Tokens.Code;
      // Four leading spaces are a slip far more often than a wish for code.
      if (codeBlockStyle === 'indented') return verbatim(token.raw);
      return [{ kind: 'code', text, language: lang ?? '' }];
    }
    case 'blockquote':
      return [{ kind: 'quote', children: blocks((token as Tokens.Blockquote).tokens, depth + 1) }];
    case 'list': {
      const { ordered, start, items } = token as Tokens.List;
      return [
        {
          kind: 'list',
          ordered,
          start: start === '' ? 1 : start,
          items: items.map((item) => blocks(item.tokens, depth + 1)),
        },
      ];
    }
    case 'hr':
      return [{ kind: 'rule' }];
    default:
      // HTML, tables, and whatever a later version of the lexer knows.
      return verbatim(token.raw);
  }
}

function inlines(tokens: Token[], depth: number): Inline[] {
  return tokens.flatMap((token) => inline(token, depth));
}

function inline(token: Token, depth: number): Inline[] {
  if (depth >= DEEPEST) return textLines(token.raw);
  switch (token.type) {
    case 'text': {
      const { tokens, text } = token as Tokens.Text;
      return tokens ? inlines(tokens, depth + 1) : textLines(text);
    }
    case 'escape':
      return textLines((token as Tokens.Escape).text);
    case 'strong':
    case 'em':
    case 'del':
    case 'spoiler':
      return [{ kind: token.type, children: inlines((token as Tokens.Strong).tokens, depth + 1) }];
    case 'codespan':
      return [{ kind: 'code', text: (token as Tokens.Codespan).text }];
    case 'br':
      return [{ kind: 'break' }];
    case 'link': {
      const link = token as Tokens.Link;
      const href = safeHref(link.href);
      if (href === undefined) return textLines(token.raw);
      // An address as it was typed names nobody.
      if (token.raw === link.text || token.raw === `<${link.text}>`) {
        return [{ kind: 'link', href, children: [{ kind: 'text', text: link.text }] }];
      }
      return [{ kind: 'link', href, children: inlines(link.tokens, depth + 1) }];
    }
    default:
      return textLines(token.raw);
  }
}

function textLines(text: string): Inline[] {
  return text
    .split('\n')
    .flatMap((line, at): Inline[] => [
      ...(at > 0 ? [{ kind: 'break' } as const] : []),
      ...mentions(line),
    ]);
}

/** Whom a text names: `<@user>`, `<@&role>`, and the words that call everybody where they stand alone. */
const MENTION = /<@(&?)([0-9A-HJKMNP-TV-Z]{26})>|(?<![\p{L}\p{N}_])@(everyone|here)(?![\p{L}\p{N}_])/gu;

function mentions(line: string): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  for (const found of line.matchAll(MENTION)) {
    if (found.index > end) parts.push({ kind: 'text', text: line.slice(end, found.index) });
    const [, role, id, all] = found;
    if (id !== undefined) parts.push({ kind: role === '&' ? 'role' : 'user', id });
    else parts.push({ kind: 'all', text: all === 'here' ? 'here' : 'everyone' });
    end = found.index + found[0].length;
  }
  if (end < line.length) parts.push({ kind: 'text', text: line.slice(end) });
  return parts;
}

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
export function plain(text: string, nameOf: NameOf = () => undefined): string {
  const ofBlock = (part: Block): string => {
    switch (part.kind) {
      case 'paragraph':
      case 'heading':
        return plainOf(part.children, nameOf);
      case 'code':
        return part.text;
      case 'quote':
        return part.children.map(ofBlock).join(' ');
      case 'list':
        return part.items.map((item) => item.map(ofBlock).join(' ')).join(' ');
      case 'rule':
        return '';
    }
  };
  return parse(text).map(ofBlock).join(' ').replace(/\s+/g, ' ').trim();
}
