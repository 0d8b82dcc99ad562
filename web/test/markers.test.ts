import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '../src/lib/api/errors';
import { Markers } from '../src/lib/state/markers';

let told: string[];
let answer: () => Promise<void>;
let markers: Markers;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  answer = () => Promise.resolve();
  markers = new Markers((room, seq) => {
    told.push(`${room} ${seq}`);
    return answer();
  });
});

afterEach(() => {
  vi.useRealTimers();
});

test('are told once a second, of each room the furthest', async () => {
  markers.move('room', 3);
  markers.move('hall', 8);
  markers.move('room', 5);
  markers.move('room', 4);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual(['room 5', 'hall 8']);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told).toHaveLength(2);
});

test('are told at once when one leaves', () => {
  markers.move('room', 3);
  markers.flush();
  expect(told).toEqual(['room 3']);
});

test('wait for the next connection when there is none, and not when they are refused', async () => {
  answer = () => Promise.reject(new ApiError({ code: 'offline', message: '' }));
  markers.move('room', 3);
  await vi.advanceTimersByTimeAsync(1_000);
  answer = () => Promise.reject(new ApiError({ code: 'not_found', message: '' }));
  markers.flush();
  await vi.advanceTimersByTimeAsync(0);
  markers.flush();
  expect(told).toEqual(['room 3', 'room 3']);
});
