import { expect, test } from 'vitest';
import { highlight } from '../src/lib/timeline/highlight';

test('a program keeps every letter, and its parts have kinds', () => {
  const code = 'fn main() {\n  let n = 42; // the answer\n  println!("{n}");\n}';
  const pieces = highlight(code, 'rs') ?? [];
  expect(pieces.map(({ text }) => text).join('')).toBe(code);
  const kindOf = (text: string) => pieces.find((piece) => piece.text.includes(text))?.kind;
  expect(kindOf('fn')).toBe('keyword');
  expect(kindOf('42')).toBe('number');
  expect(kindOf('answer')).toBe('comment');
  expect(kindOf('main')).toBe('name');
});

test.each(['js', 'ts', 'tsx', 'py', 'sh', 'shell', 'c', 'c++', 'html', 'yml', 'toml', 'json', 'diff', 'sql', 'rust'])('%s is known', (name) => {
  expect(highlight('a = 1', name)).toBeDefined();
});

test('other languages, and names of none, are left alone', () => {
  for (const name of ['brainfuck', '', 'constructor', '__proto__']) expect(highlight('+++', name)).toBeUndefined();
});
