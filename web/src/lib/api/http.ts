import { ApiError, NO_ANSWER, OFFLINE } from './errors';
import type { Channel, Conversation, Instance, Invite, InviteInfo, Presence, User, WelcomingGuild } from './types';

const BASE = '/api/v1';
const TIMEOUT_MS = 15_000;

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: body === undefined && method === 'GET' ? {} : { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError({ code: late ? NO_ANSWER : OFFLINE, message: 'no answer from the server' });
  }
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T;
  throw problemOf(response, answer);
}

function problemOf(response: Response, answer: unknown): ApiError {
  const body = (answer ?? {}) as { code?: string; detail?: string; field?: string };
  const seconds = Number(response.headers.get('Retry-After'));
  return new ApiError(
    {
      code: body.code ?? (response.status >= 500 ? 'unavailable' : 'internal'),
      message: body.detail ?? response.statusText,
      ...(body.field === undefined ? {} : { field: body.field }),
    },
    seconds > 0 ? seconds * 1000 : undefined,
  );
}

const part = encodeURIComponent;

export interface SetUp {
  token: string;
  instance_name: string;
  guild_name: string;
  channel_name: string;
  name: string;
  password: string;
}

export const http = {
  instance: () => call<Instance>('GET', '/instance'),
  setUp: (form: SetUp) => call<{ user: User }>('POST', '/setup', form),
  signIn: (name: string, password: string) => call<{ user: User }>('POST', '/sessions', { name, password }),
  passwordLink: (token: string) => call<{ name: string }>('POST', '/password-link', { token }),
  usePasswordLink: (token: string, password: string) => call<{ user: User }>('POST', '/password-link/use', { token, password }),
  signOut: () => call<undefined>('DELETE', '/sessions/current'),
  me: () => call<{ user: User; owner: boolean }>('GET', '/me'),
  users: (ids: string[]) => call<{ users: User[] }>('GET', `/users?ids=${ids.map(part).join(',')}`),
  presence: (ids: string[]) => call<{ users: Presence[] }>('GET', `/presence?ids=${ids.map(part).join(',')}`),
  invite: (code: string) => call<InviteInfo>('GET', `/invites/${part(code)}`),
  acceptInvite: (code: string, name: string, password: string) =>
    call<{ user: User }>('POST', `/invites/${part(code)}/accept`, { name, password }),
  joinByInvite: (code: string) => call<WelcomingGuild>('POST', `/invites/${part(code)}/join`, {}),
  makeInvite: (guild: string) => call<Invite>('POST', '/invites', { guild }),
  makeChannel: (guild: string, name: string, topic: string) =>
    call<Channel>('POST', `/guilds/${part(guild)}/channels`, topic ? { name, topic } : { name }),
  guilds: () => call<{ guilds: WelcomingGuild[] }>('GET', '/guilds'),
  channels: (guild: string, after?: string) =>
    call<{ channels: Channel[]; more: boolean }>(
      'GET',
      `/guilds/${part(guild)}/channels${after === undefined ? '' : `?after=${part(after)}`}`,
    ),
  conversations: (after?: string) =>
    call<{ conversations: Conversation[]; more: boolean }>(
      'GET',
      `/conversations${after === undefined ? '' : `?after=${part(after)}`}`,
    ),
  conversation: (room: string) => call<Conversation>('GET', `/conversations/${part(room)}`),
  reactors: (room: string, seq: number, emoji: string) =>
    call<{ users: User[]; more: boolean }>(
      'GET',
      `/rooms/${part(room)}/messages/${seq}/reactions/${part(emoji)}?limit=20`,
    ),
};
