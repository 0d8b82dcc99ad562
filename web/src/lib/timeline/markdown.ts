import { Lexer, type MarkedOptions, type Token, type TokenizerThis, type Tokens } from 'marked';
import { textLines, type Block, type Inline } from './parts';

/** Deeper nesting is nobody's message; it is shown as it was typed. */
const DEEPEST = 6;
const PROTOCOLS = ['http:', 'https:', 'mailto:'];
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

/** What a text is made of. A part of its own: most of it is the lexer, which a text of plain letters does not need. */
export const parse = (text: string): Block[] => blocks(new Lexer(OPTIONS).lex(text), 0);

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
