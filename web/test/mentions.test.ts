import { describe, expect, test } from 'vitest';
import { begun, decode, encode } from '../src/lib/mentions';
import { calls } from '../src/lib/timeline/calls';
import { parse } from '../src/lib/timeline/markdown';
import { plain as plainOf, type NameOf } from '../src/lib/timeline/plain';
import { ME, message } from './fixtures';

const plain = (text: string, nameOf?: NameOf) => plainOf(parse(text), nameOf);
const ANN = '01JD0000000000000000000ANN';
const BO = '01JD00000000000000000000B0';
const names: Record<string, string> = { [ANN]: 'Ann', [BO]: 'Ann Bo' };
const nameOf: NameOf = (_, id) => names[id];
const picked = new Map([
  ['@Ann', `<@${ANN}>`],
  ['@Ann Bo', `<@&${BO}>`],
]);

describe('a text as it is sent', () => {
  test('has what was picked by name, the longer name first, and nothing within a word', () => {
    expect(encode('@Ann Bo and @Ann, @Annabel', picked)).toBe(`<@&${BO}> and <@${ANN}>, @Annabel`);
  });

  test('keeps code as it was written', () => {
    expect(encode('`@Ann` @Ann\n```\n@Ann\n```', picked)).toBe(`\`@Ann\` <@${ANN}>\n\`\`\`\n@Ann\n\`\`\``);
    expect(encode('~~~\n@Ann\n~~~\n@Ann ~~@Ann~~', picked)).toBe(`~~~\n@Ann\n~~~\n<@${ANN}> ~~<@${ANN}>~~`);
  });

  test('comes back the same when it is edited', () => {
    const sent = `<@&${BO}> \`<@${ANN}>\` <@${ANN}> <@01JD000000000000000000N0NE>`;
    const shown = decode(sent, nameOf);
    expect(shown.text).toBe(`@Ann Bo \`<@${ANN}>\` @Ann <@01JD000000000000000000N0NE>`);
    expect(encode(shown.text, shown.picked)).toBe(sent);
  });

  test('two of one name are not mixed up', () => {
    const sent = `<@${ANN}> <@&${ANN}>`;
    const shown = decode(sent, () => 'Ann');
    expect(encode(shown.text, shown.picked)).toBe(sent);
  });
});

test('what is being typed: a sign after a space, and a name as far as the caret', () => {
  expect(begun('hi @안녕 there', 6)).toEqual({ sign: '@', typed: '안녕', from: 3, to: 6 });
  expect(begun('@', 1)).toEqual({ sign: '@', typed: '', from: 0, to: 1 });
  expect(begun('see #de', 7)).toMatchObject({ sign: '#', typed: 'de' });
  expect(begun('mail a@b', 8)).toBeUndefined();
  expect(begun('at 10:30', 8), 'no time').toBeUndefined();
  expect(begun(':s', 2), 'too short for an emoji').toBeUndefined();
  expect(begun(':smi', 4)).toMatchObject({ sign: ':', typed: 'smi' });
});

describe('mentions in a message', () => {
  const kinds = (text: string) => {
    const [first] = parse(text);
    return first?.kind === 'paragraph' ? first.children.map((part) => part.kind) : [];
  };

  test('are parts of their own, outside of code', () => {
    expect(kinds(`hi <@${ANN}>, <@&${BO}> and @everyone`)).toEqual(['text', 'user', 'text', 'role', 'text', 'all']);
    expect(kinds(`\`<@${ANN}>\` a@here @hereby`)).toEqual(['code', 'text']);
    expect(kinds('\\@here')).not.toContain('all');
    expect(parse('https://x.example/@here')).toEqual([
      { kind: 'paragraph', children: [{ kind: 'link', href: 'https://x.example/@here', children: [{ kind: 'text', text: 'https://x.example/@here' }] }] },
    ]);
  });

  test('stand by name in one line of plain text', () => {
    expect(plain(`**<@${ANN}>** <@&${BO}> @here`, nameOf)).toBe('@Ann @Ann Bo @here');
    expect(plain(`<@${ANN}>`)).toBe('@…');
  });

  test('call the reader by name, by role, or with everybody; one`s own call nobody', () => {
    const mentions = { users: [], roles: [], everyone: false, here: false };
    expect(calls(message(1), ME)).toBe(false);
    expect(calls(message(1, { mentions: { ...mentions, users: [ME] } }), ME)).toBe(true);
    expect(calls(message(1, { mentions: { ...mentions, here: true } }), ME)).toBe(true);
    expect(calls(message(1, { mentions: { ...mentions, roles: ['R'] } }), ME, new Set(['R']))).toBe(true);
    expect(calls(message(1, { author: ME, mentions: { ...mentions, everyone: true } }), ME)).toBe(false);
  });
});
