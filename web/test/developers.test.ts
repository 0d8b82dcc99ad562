import { expect, test } from 'vitest';
import { byNoun, request, type Described } from '../src/developers/description';

const described: Described = {
  openapi: '3.1.0',
  info: { title: 'Madang', version: '1' },
  paths: {
    '/rooms/{room}/messages': {
      post: {
        operationId: 'post',
        summary: 'Posts.',
        tags: ['messages'],
        'x-scope': 'write',
        parameters: [
          { name: 'room', in: 'path', required: true, description: 'which', schema: { type: 'string' } },
          { name: 'Idempotency-Key', in: 'header', required: false, description: '', schema: { type: 'string' } },
        ],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                properties: { text: { type: 'string' }, reply_to: { type: ['integer', 'null'] }, on: { type: 'boolean' }, ids: { type: 'array' } },
                required: ['text'],
              },
            },
          },
        },
        responses: {},
      },
      get: {
        operationId: 'history',
        summary: 'A page.',
        tags: ['messages'],
        parameters: [
          { name: 'room', in: 'path', required: true, description: 'which', schema: { type: 'string' } },
          { name: 'limit', in: 'query', required: false, description: '', schema: { type: 'integer' } },
        ],
        responses: {},
      },
    },
    '/me': { get: { operationId: 'me', summary: 'Who.', tags: ['people'], responses: {} } },
  },
};

test('operations stand by noun and name', () => {
  const nouns = byNoun(described).map(([noun, operations]) => [noun, operations.map(({ name }) => name)]);
  expect(nouns).toEqual([['messages', ['history', 'post']], ['people', ['me']]]);
});

test('what was typed becomes a request, and what was not is left out', () => {
  const [, operations] = byNoun(described)[0] ?? ['', []];
  const [history, post] = operations;
  if (history === undefined || post === undefined) throw new Error('an operation is missing');
  expect(request(history, { room: 'a/b', limit: '' })).toMatchObject({ url: '/api/v1/rooms/a%2Fb/messages', body: undefined });
  expect(request(history, { room: 'R', limit: '5' }).url).toBe('/api/v1/rooms/R/messages?limit=5');
  const sent = request(post, { room: 'R', text: '안녕', reply_to: '7', on: 'true', ids: 'a, b', 'Idempotency-Key': 'k' });
  expect(JSON.parse(sent.body ?? '')).toEqual({ text: '안녕', reply_to: 7, on: true, ids: ['a', 'b'] });
  expect(sent.headers).toEqual({ 'Content-Type': 'application/json', 'Idempotency-Key': 'k' });
  expect(JSON.parse(request(post, { room: 'R', text: 'x', reply_to: 'seven' }).body ?? '')).toMatchObject({ reply_to: 'seven' });
});
