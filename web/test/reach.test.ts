import { expect, it } from 'vitest';
import { isPlain, portOf, reachOf } from '../src/lib/reach';

it('knows where a link works', () => {
  const reaches = (all: string[]) => all.map(reachOf);
  expect(reaches(['http://127.0.0.1:8080/', 'http://localhost/', 'http://[::1]:1/'])).toEqual(['machine', 'machine', 'machine']);
  expect(reaches(['http://192.168.0.7/', 'http://172.20.1.1/', 'http://yard/', 'http://yard.local/', 'http://[fd12::1]/'])).toEqual(Array(5).fill('network'));
  expect(reaches(['https://chat.example/', 'http://172.32.0.1/', 'https://[2001:db8::1]/'])).toEqual(Array(3).fill('everywhere'));
});

it('knows when others on the way can read along', () => {
  expect(isPlain('http://chat.example/')).toBe(true);
  expect(isPlain('https://chat.example/')).toBe(false);
  expect(isPlain('http://127.0.0.1/')).toBe(false);
});

it('knows the port that the server listens on', () => {
  expect(['http://127.0.0.1:9000/invite/x', 'http://localhost/invite/x'].map(portOf)).toEqual(['9000', '8080']);
});
