import { describe, expect, test } from 'vitest';
import { isAddress, isInFence, linked, newLine, wrapped, type Change } from '../src/lib/composing';
import { parts } from '../src/lib/dividing';
import { countGraphemes } from '../src/lib/graphemes';

/** A text with what is selected between `[` and `]`, or the caret at `|`. */
function read(shown: string): [string, number, number] {
  const at = shown.indexOf('|');
  if (at !== -1) return [shown.replace('|', ''), at, at];
  const from = shown.indexOf('[');
  return [shown.replace('[', '').replace(']', ''), from, shown.indexOf(']') - 1];
}

function shownAfter(text: string, change: Change | undefined): string {
  if (change === undefined) return text;
  const next = text.slice(0, change.from) + change.text + text.slice(change.to);
  const [from, to] = change.select;
  return from === to ? `${next.slice(0, from)}|${next.slice(from)}` : `${next.slice(0, from)}[${next.slice(from, to)}]${next.slice(to)}`;
}

describe('signs', () => {
  test.each([
    ['a [word] b', '**', 'a **[word]** b'],
    ['a [ word ]b', '**', 'a  **[word]** b'],
    ['a **[word]** b', '**', 'a [word] b'],
    ['a [**word**] b', '**', 'a [word] b'],
    ['a **[word]** b', '*', 'a ***[word]*** b'],
    ['|', '`', '`|`'],
    ['a |', '**', 'a **|**'],
    ['[한글]', '*', '*[한글]*'],
  ])('%s with %s', (before, sign, after) => {
    const [text, from, to] = read(before);
    expect(shownAfter(text, wrapped(text, from, to, sign))).toBe(after);
  });

  test('links', () => {
    expect(shownAfter('a word', linked('a word', 2, 6))).toBe('a [word](|)');
    expect(shownAfter('a word', linked('a word', 2, 6, 'https://x.org'))).toBe('a [word](https://x.org)|');
    expect([isAddress(' https://x.org/a '), isAddress('https://x.org and'), isAddress('x.org')]).toEqual([true, false, false]);
  });
});

describe('a new line', () => {
  test.each([
    ['- one|', '- one\n- |'],
    ['  * one|', '  * one\n  * |'],
    ['9. nine|', '9. nine\n10. |'],
    ['1) one|', '1) one\n2) |'],
    ['- [x] done|', '- [x] done\n- [ ] |'],
    ['> said|', '> said\n> |'],
    ['- one\n- |', '- one\n|'],
    ['> |', '|'],
    ['- on|e', '- on\n- |e'],
  ])('%j', (before, after) => {
    const [text, caret] = read(before);
    expect(shownAfter(text, newLine(text, caret))).toBe(after);
  });

  test.each(['word|', '-not an item|', '1.5|', '```\n- code|', '**bold** |'])('%j goes on as ever', (before) => {
    const [text, caret] = read(before);
    expect(newLine(text, caret)).toBeUndefined();
  });

  test('code that was closed is over', () => {
    expect(isInFence('```\na\n```\nb', 12)).toBe(false);
  });
});

describe('a long text', () => {
  const fits = (all: string[], most: number) => all.every((part) => countGraphemes(part) <= most && part.trim() !== '');

  test('is cut between paragraphs, lines, sentences and words, and nothing is lost', () => {
    const text = Array.from({ length: 60 }, (_, at) => `Paragraph ${at}. It says something, and something else.`).join('\n\n');
    const all = parts(text, 400);
    expect(fits(all, 400)).toBe(true);
    expect(all.join('\n\n')).toBe(text);
    const words = parts('word '.repeat(300), 100);
    expect(fits(words, 100)).toBe(true);
    expect(words.join(' ')).toBe('word '.repeat(300).trim());
  });

  test('without any border is cut between letters, of which some have many bytes', () => {
    const all = parts('👨‍👩‍👧'.repeat(30), 10);
    expect(fits(all, 10)).toBe(true);
    expect(all.join('')).toBe('👨‍👩‍👧'.repeat(30));
  });

  test('closes and opens a block of code', () => {
    const all = parts(`Look:\n\`\`\`rust\n${'let a = 1;\n'.repeat(40)}\`\`\`\nend`, 200);
    expect(fits(all, 200)).toBe(true);
    for (const part of all) expect((part.match(/```/g) ?? []).length % 2).toBe(0);
    expect(all[1]?.startsWith('```rust\nlet a')).toBe(true);
    expect(all.join('\n').match(/let a = 1;/g)).toHaveLength(40);
  });
});
