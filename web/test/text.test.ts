import { describe, expect, test } from 'vitest';
import emoji from '../src/components/emoji/emoji.json';
import { find, type Groups } from '../src/components/emoji/search';
import { graphemesLeft, isTooBig } from '../src/lib/graphemes';
import { abbreviation, clock, hue, initials, plural, time } from '../src/lib/i18n/format';
import { parse, safeHref } from '../src/lib/timeline/markdown';
import { isPlain, type Block, type Inline } from '../src/lib/timeline/parts';
import { isEmojiOnly, plain as plainOf } from '../src/lib/timeline/plain';
import { ulid, ulidTime } from '../src/lib/ulid';
import { en } from '../src/messages/en';
import { ko } from '../src/messages/ko';
import { parseRoute, roomPath, spotOf } from '../src/router.svelte';

const plain = (text: string) => plainOf(parse(text));
const kinds = (text: string) => parse(text).map((block) => block.kind);

function hrefs(parts: (Block | Inline)[]): string[] {
  return parts.flatMap((part) => {
    if (part.kind === 'link') return [part.href];
    if (part.kind === 'list') return part.items.flatMap(hrefs);
    return 'children' in part ? hrefs(part.children) : [];
  });
}

describe('markdown', () => {
  test('blocks', () => {
    expect(kinds('one')).toEqual(['paragraph']);
    expect(kinds('# a\n\n> b\n\n- c\n\n```js\nd\n```\n\n---')).toEqual(['heading', 'quote', 'list', 'code', 'rule']);
  });

  test('a text that is taken as plain is read no differently', () => {
    for (const text of ['안녕하세요, 내일 봐요!', 'a (b) c: 1 + 1 = 2; 50% of "it"', ' spaced ', "it's 3,000 & more"]) {
      expect(isPlain(text)).toBe(true);
      expect(plain(text)).toBe(text.trim());
      expect(kinds(text)).toEqual(['paragraph']);
    }
    for (const text of ['a*b*', 'https://a.b', '@here', '1. one', 'a\nb']) expect(isPlain(text)).toBe(false);
  });

  test('a line break is a line break', () => {
    expect(parse('a\nb')).toEqual([
      { kind: 'paragraph', children: [{ kind: 'text', text: 'a' }, { kind: 'break' }, { kind: 'text', text: 'b' }] },
    ]);
  });

  test.each([
    '<script>alert(1)</script>',
    'a <b onclick="x()">b</b>',
    '<img src=x onerror=alert(1)>',
    '<!-- c -->',
    '![a](https://example.org/p.png)',
    '&lt;b&gt; & <3',
  ])('%s is text', (text) => {
    expect(plain(text)).toBe(text);
    expect(JSON.stringify(parse(text))).not.toContain('"html"');
  });

  test.each(['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '/r/x', '//x.org'])(
    'a link to %s is text',
    (href) => {
      expect(safeHref(href)).toBeUndefined();
      expect(hrefs(parse(`[a](${href})`))).toEqual([]);
    },
  );

  test('links that may be followed', () => {
    expect(hrefs(parse('see https://example.org/a_b and [m](mailto:a@b.org)'))).toEqual([
      'https://example.org/a_b',
      'mailto:a@b.org',
    ]);
  });

  test('nesting has an end, and nothing is lost in it', () => {
    expect(plain(`${'> '.repeat(200)}deep`)).toContain('deep');
    expect(plain(`${'*'.repeat(99)}a${'*'.repeat(99)}`)).toContain('a');
  });

  test('spoilers cover what stands between their bars, and quotes do not tell it', () => {
    expect(parse('a ||**b** c|| d')).toEqual([
      {
        kind: 'paragraph',
        children: [
          { kind: 'text', text: 'a ' },
          { kind: 'spoiler', children: [{ kind: 'strong', children: [{ kind: 'text', text: 'b' }] }, { kind: 'text', text: ' c' }] },
          { kind: 'text', text: ' d' },
        ],
      },
    ]);
    expect(plain('the butler: ||did it||')).toBe('the butler: ▒▒▒');
    expect(plain('||a\nb||')).toBe('▒▒▒');
  });

  test.each(['a || b', '|| a ||', '||||', '`||a||`', 'if (a || b || c)', '||a'])('%s covers nothing', (text) => {
    expect(JSON.stringify(parse(text))).not.toContain('spoiler');
  });

  test('four spaces are no code', () => {
    expect(kinds('    indented')).toEqual(['paragraph']);
  });

  test('emoji alone are large, with words they are not', () => {
    expect(isEmojiOnly('👍🏽 👨‍👩‍👧')).toBe(true);
    expect(isEmojiOnly('👍 ok')).toBe(false);
    expect(isEmojiOnly('12')).toBe(false);
  });
});

describe('ulid', () => {
  test('is 26 of its alphabet and carries its time', () => {
    const id = ulid(1_763_700_000_123);
    expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(ulidTime(id)).toBe(1_763_700_000_123);
  });

  test('differs and sorts by time', () => {
    expect(ulid(5)).not.toBe(ulid(5));
    expect(ulid(5) < ulid(6)).toBe(true);
  });
});

describe('languages', () => {
  const paths = (table: object): string[] =>
    Object.entries(table).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? paths(value as object).map((path) => `${key}.${path}`)
        : [key],
    );

  test('have the same texts', () => {
    expect(paths(ko)).toEqual(paths(en));
    expect(ko.emojiGroups).toHaveLength(en.emojiGroups.length);
    expect(emoji).toHaveLength(en.emojiGroups.length);
  });

  test('shout nowhere', () => {
    const texts = JSON.stringify([en, ko], (_, value: unknown) => (typeof value === 'function' ? String(value) : value));
    expect(texts).not.toMatch(/[가-힣a-z]!/);
  });

  test('count', () => {
    expect(plural('en', 1, { one: '# thing', other: '# things' })).toBe('1 thing');
    expect(plural('en', 1200, { one: '# thing', other: '# things' })).toBe('1,200 things');
    expect(en.unread(1)).toBe('1 unread message');
    expect(ko.unread(3)).toBe('읽지 않은 메시지 3개');
  });

  test('say who types', () => {
    expect(en.typing(['Ann', 'Bo'])).toBe('Ann and Bo are typing');
    expect(ko.typing(['하늘'])).toBe('하늘님이 입력하고 있어요');
  });

  test('tell the time', () => {
    const at = new Date(2026, 10, 20, 15, 5).toISOString();
    // Which words stand for the half of the day is the platform's to say.
    expect(time('ko', at)).toMatch(/^\S+ 3:05$/);
    expect(clock('ko', at)).toBe('3:05');
    expect(clock('en', at)).toBe('3:05');
  });
});

describe('people', () => {
  test('initials', () => {
    expect(initials('김하늘')).toBe('하늘');
    expect(abbreviation('디자인팀')).toBe('디자');
    expect(abbreviation('Core team')).toBe('CT');
    expect(initials('Mina Weber')).toBe('MW');
    expect(initials('👩‍🚀')).not.toBe('');
  });

  test('hues are twelve', () => {
    expect(hue('A') % 30).toBe(0);
  });
});

test('emoji are found in both languages', () => {
  const groups = emoji as Groups;
  expect(find(groups, 'tada').map(([one]) => one)).toContain('🎉');
  expect(find(groups, '하트').map(([one]) => one)).toContain('❤️');
  expect(find(groups, 'zzzzz')).toEqual([]);
  expect(groups.flat().length).toBeGreaterThan(400);
});

test('letters are counted as people count them', () => {
  expect(graphemesLeft('a'.repeat(3_000))).toBeUndefined();
  expect(graphemesLeft('가'.repeat(3_990))).toBe(10);
  expect(graphemesLeft('👨‍👩‍👧'.repeat(1_000))).toBeUndefined();
  expect(graphemesLeft('a'.repeat(4_001))).toBe(-1);
});

test('a text of few letters may have too many bytes', () => {
  expect(isTooBig('a'.repeat(16 * 1024))).toBe(false);
  expect(isTooBig('a'.repeat(16 * 1024 + 1))).toBe(true);
  expect(isTooBig('가'.repeat(5_461))).toBe(false);
  expect(isTooBig('가'.repeat(5_462))).toBe(true);
  expect(isTooBig('👨‍👩‍👧'.repeat(1_000))).toBe(true);
});

test('routes', () => {
  expect(parseRoute('/setup', '', '#token=abc')).toEqual({ page: 'setup', token: 'abc' });
  expect(parseRoute('/setup', '?token=abc', '')).toEqual({ page: 'setup', token: 'abc' });
  expect(parseRoute('/invite/xyz', '', '')).toEqual({ page: 'invite', code: 'xyz' });
  expect(parseRoute('/g/GUILD', '', '')).toEqual({ page: 'guild', guild: 'GUILD' });
  expect(parseRoute('/g/GUILD/r/ROOM/12', '', '')).toEqual({ page: 'room', guild: 'GUILD', room: 'ROOM', seq: 12 });
  expect(parseRoute('/r/ROOM/12', '', '')).toEqual({ page: 'room', guild: undefined, room: 'ROOM', seq: 12 });
  expect(parseRoute('/r/ROOM/x', '', '')).toEqual({ page: 'room', guild: undefined, room: 'ROOM', seq: undefined });
  expect(parseRoute('/what', '', '')).toEqual({ page: 'home' });
  for (const path of [roomPath('GUILD', 'ROOM', 12), roomPath('GUILD', 'ROOM'), roomPath(undefined, 'ROOM')]) {
    const route = parseRoute(path, '', '');
    expect(route.page === 'room' && roomPath(route.guild, route.room, route.seq)).toBe(path);
  }
});

describe('the way back', () => {
  const at = (path: string) => parseRoute(path, '', '');

  test('leads to where one was, without that to the end, and moves no room when a panel closes', () => {
    expect(spotOf(at('/settings'), at('/g/G/r/R'), 12)).toBe(12);
    expect(spotOf(at('/g/G/r/R/5'), at('/g/G/r/R'), undefined)).toBe('end');
    expect(spotOf(at('/g/G/r/S'), at('/g/G/r/R/5'), undefined)).toBeUndefined();
    expect(spotOf(at('/g/G/r/R/t/5'), at('/g/G/r/R'), undefined)).toBeUndefined();
    expect(spotOf(at('/g/G/r/R/pins'), at('/g/G/r/R'), 3)).toBeUndefined();
    expect(spotOf(at('/g/G/r/R'), at('/inbox'), undefined)).toBeUndefined();
    expect(at('/inbox')).toEqual({ page: 'inbox', section: 'calls' });
    expect(at('/inbox/threads')).toEqual({ page: 'inbox', section: 'threads' });
  });
});
