import { describe, expect, it } from 'vitest';
import { dropped, flat, parts, places, sections, stepped, steppedCategory } from '../src/lib/order';

const channel = (id: string, position: number, category: string | null = null) => ({ id, position, category });
const categories = [
  { id: 'X', position: 1 },
  { id: 'W', position: 0 },
];
const channels = [channel('c', 2, 'X'), channel('b', 1, 'X'), channel('a', 0), channel('lost', 0, 'gone'), channel('d', 0, 'W')];
const all = sections(channels, categories);

describe('the list of channels', () => {
  it('has what stands under no category first, then each category', () => {
    expect(flat(all)).toEqual(['a', 'lost', 'W', 'd', 'X', 'b', 'c']);
  });

  it('keeps what has the same place in the order of age', () => {
    expect(flat(sections([channel('2', 0), channel('1', 0)], []))).toEqual(['1', '2']);
  });
});

describe('moving', () => {
  it('goes one step, also into the next category', () => {
    expect(stepped(flat(all), 'd', -1)).toEqual(['a', 'lost', 'd', 'W', 'X', 'b', 'c']);
    expect(stepped(flat(all), 'a', -1)).toEqual(flat(all));
    expect(stepped(flat(all), 'c', 1)).toEqual(flat(all));
  });

  it('takes a category with all that is under it', () => {
    expect(steppedCategory(all, 'X', -1)).toEqual(['a', 'lost', 'X', 'b', 'c', 'W', 'd']);
    expect(steppedCategory(all, 'W', -1)).toEqual(flat(all));
  });

  it('drops before and after', () => {
    expect(dropped(['a', 'b', 'c'], 'a', 'c', 'before')).toEqual(['b', 'a', 'c']);
    expect(dropped(['a', 'b', 'c'], 'a', 'c', 'after')).toEqual(['b', 'c', 'a']);
    expect(dropped(['a', 'b'], 'a', 'a', 'after')).toEqual(['a', 'b']);
  });

  it('says of each where it stands then', () => {
    expect(places(['a', 'X', 'b'], new Set(['X'])).get('b')).toEqual({ position: 2, category: 'X' });
    expect(places(['a', 'X', 'b'], new Set(['X'])).get('a')).toEqual({ position: 0, category: null });
  });
});

describe('a list that is too long for one request', () => {
  it('is sent in parts that go on under the same category', () => {
    const order = ['a', 'X', 'b', 'c', 'd', 'e'];
    const sent = parts(order, new Set(['X']), 3);
    expect(sent).toEqual([
      { order: ['a', 'X', 'b'], first: 0 },
      { order: ['X', 'c', 'd'], first: 2 },
      { order: ['X', 'e'], first: 4 },
    ]);
    expect(parts(['a', 'b'], new Set(), 500)).toEqual([{ order: ['a', 'b'], first: 0 }]);
  });
});
