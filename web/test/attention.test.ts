import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Attention, IDLE_MS } from '../src/lib/attention';

describe('what one looks at', () => {
  const tell = vi.fn();
  let attention: Attention;

  beforeEach(() => {
    vi.useFakeTimers();
    tell.mockClear();
    attention = new Attention({ tell });
  });

  afterEach(() => {
    attention.stop();
    vi.useRealTimers();
  });

  it('is told once for each change', () => {
    attention.on('a');
    attention.on('a');
    attention.alive();
    expect(tell.mock.calls).toEqual([['a', false]]);
    attention.on('b');
    expect(tell).toHaveBeenLastCalledWith('b', false);
  });

  it('is nothing while the page is hidden', () => {
    attention.on('a');
    attention.visible(false);
    expect(tell).toHaveBeenLastCalledWith(undefined, false);
    attention.visible(true);
    expect(tell).toHaveBeenLastCalledWith('a', false);
  });

  it('goes idle after a while, and back with the first sign of life', () => {
    attention.on('a');
    vi.advanceTimersByTime(IDLE_MS - 1);
    attention.alive();
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(tell).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(tell).toHaveBeenLastCalledWith('a', true);
    attention.alive();
    expect(tell).toHaveBeenLastCalledWith('a', false);
  });

  it('is told anew to a new connection', () => {
    attention.on('a');
    attention.renew();
    expect(tell).toHaveBeenCalledTimes(2);
  });
});
