// A stand-in for the server: the protocol of docs/protocol.md in memory, for work on the page alone.
//   node dev/fake-server.mjs [port] [--empty] [--guilds] [--many] [--extreme]
// With --empty it waits for its set-up, as a new server does; with --guilds there are three guilds; with --many 1,000
// rooms and one of 10,000 messages; with --extreme what is longest, most and written the other way. Whoever signs in finds unread what was unread at first.
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { WebSocketServer } from 'ws';
import { ruling } from './fake-ruling.mjs';
import { extreme, many, talk } from './fake-talk.mjs';

const port = Number(process.argv[2] ?? 8080);
const dist = new URL('../dist', import.meta.url).pathname;
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const newId = () => '01' + Array.from(randomBytes(24), (byte) => ALPHABET[byte & 31]).join('');
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2' };

const epoch = newId();
const users = new Map();
const sessions = new Map();
const guild = { id: newId(), name: '', owner: '', rev: 1 };
const guilds = [guild];
const rooms = new Map();
const invites = new Map();
const links = new Set();
let instanceName = '';

const publicUser = ({ id, name }) => ({ id, name });

class Problem extends Error {
  constructor(code, status, field) {
    super(code);
    Object.assign(this, { code, status, field });
  }
}

function addUser(name, password) {
  if ([...users.values()].some((user) => user.name === name)) throw new Problem('name_taken', 409, 'name');
  if (password.length < 8) throw new Problem('invalid_field', 400, 'password');
  const user = { id: newId(), name, password };
  users.set(user.id, user);
  return user;
}

function addGuild(name, owner) {
  guilds.push({ id: newId(), name, owner: owner.id, rev: 1 });
  return guilds.at(-1);
}

function addRoom(name, topic = '', { id: guildId } = guild) {
  if (name.length > 64) throw new Problem('invalid_field', 400, 'name');
  const room = { id: newId(), guild: guildId, name, topic, first: new Map(), events: [], messages: [], markers: new Map(), nonces: new Map() };
  rooms.set(room.id, room);
  if (guildId !== '@me') for (const link of links) signal(link, 'room', { guild: guildId, channel: channelOf(room, link.user.id) });
  return room;
}

const headOf = (room) => ({ rev: room.events.length, seq: room.messages.length, n: room.messages.length });

function channelOf(room, user) {
  const seq = room.markers.get(user) ?? 0;
  const { id, name, topic } = room;
  return { id, name, topic, ...headOf(room), marker: { seq, n: seq }, unread: room.messages.length - seq, mentions: 0, category: null, position: 0, slow_mode_seconds: 0, is_announcement: false, is_private: false, ...room.place };
}

function conversationsOf(user) {
  const own = [...rooms.values()].filter((room) => room.users?.includes(user));
  return own.map((room) => ({ ...channelOf(room, user), kind: room.kind, users: room.users, at: room.events.at(-1)?.at ?? room.at })).sort((a, b) => (a.at < b.at ? 1 : -1));
}

function addConversation(kind, users, name = '') {
  const room = addRoom(name, '', { id: '@me' });
  return Object.assign(room, { kind, users: users.map((user) => user.id), at: new Date().toISOString() });
}

function recordOf(room, message, user) {
  const { by, ...record } = message;
  const counts = [...by].filter(([, who]) => who.size > 0);
  const reactions = counts.map(([emoji, who]) => ({ emoji, count: who.size }));
  const mine = user === undefined ? {} : { mine: counts.filter(([, who]) => who.has(user)).map(([emoji]) => emoji) };
  return { ...record, room: room.id, reactions, ...mine };
}

function append(room, kind, message, data) {
  const rev = room.events.length + 1;
  message.rev = rev;
  const event = { stream: `room:${room.id}`, rev, at: new Date().toISOString(), kind };
  room.events.push({ ...event, seq: message.seq, data });
  const text = JSON.stringify({ ...event, data: data ?? recordOf(room, message) });
  for (const link of links) {
    if (link.open.has(room.id)) link.socket.send(text);
    else signal(link, 'head', { room: room.id, ...headOf(room) });
  }
}

function replay(link, room, since) {
  for (const event of room.events.slice(since)) {
    const { seq, data, ...rest } = event;
    link.socket.send(JSON.stringify({ ...rest, data: data ?? recordOf(room, room.messages[seq - 1]) }));
  }
}

function signal(link, name, data) {
  link.socket.send(JSON.stringify({ signal: name, data }));
}

function post(user, room, args, at = new Date().toISOString()) {
  const known = room.nonces.get(args.nonce);
  if (known !== undefined) return { message: recordOf(room, known), replayed: true };
  const seq = room.messages.length + 1;
  const message = { seq, n: seq, rev: 0, author: user.id, at, text: args.text, reply_to: args.reply_to ?? null, edited_at: null, deleted: null, by: new Map() };
  room.messages.push(message);
  if (args.nonce !== undefined) room.nonces.set(args.nonce, message);
  append(room, 'message.posted', message);
  return { message: recordOf(room, message), replayed: false };
}

function find(room, seq) {
  const message = room.messages[seq - 1];
  if (message === undefined) throw new Problem('not_found', 404);
  if (message.deleted !== null) throw new Problem('message_deleted', 410);
  return message;
}

const OPS = {
  ...ruling({ users, guilds, rooms, links, invites, newId, signal, channelOf, addRoom, publicUser, Problem }),
  reactors: ({ room, args }) => ({ users: [...(find(room, args.seq).by.get(args.emoji) ?? [])].map((id) => publicUser(users.get(id))), more: false }),
  revisions: ({ room, args }) => {
    const { text, at, edited_at } = find(room, args.seq);
    return { revisions: [{ text: `${text} …`, at }, { text, at: edited_at }] };
  },
  delete_messages: ({ link, args }) => {
    for (const seq of args.seqs) OPS.delete({ link, room: rooms.get(args.room), args: { seq } });
    return { deleted: args.seqs };
  },
  profile: ({ args }) => ({ ...publicUser(users.get(args.user)), display_name: '', bio: '', colour: null, version: 1 }),
  inbox: () => ({ entries: [], next: null }),
  open_dm: ({ link, args }) => {
    const known = [...rooms.values()].find((room) => room.kind === 'dm' && room.users.includes(args.user) && room.users.includes(link.user.id));
    const room = known ?? addConversation('dm', [link.user, users.get(args.user)]);
    return conversationsOf(link.user.id).find((one) => one.id === room.id);
  },
  create_group: ({ link, args }) => {
    const room = addConversation('group', [link.user, ...args.users.map((id) => users.get(id))], args.name);
    return conversationsOf(link.user.id).find((one) => one.id === room.id);
  },
  heartbeat: () => ({}),
  open: ({ link, room, args }) => {
    link.open.add(room.id);
    if (args.since_rev !== undefined) setImmediate(() => replay(link, room, args.since_rev));
    return { head: headOf(room), reset: false };
  },
  close: ({ link, room }) => {
    link.open.delete(room.id);
    return {};
  },
  history: ({ link, room, args }) => {
    const limit = args.limit ?? 50;
    const end = args.before !== undefined ? args.before - 1 : room.messages.length;
    let start = Math.max(0, end - limit);
    if (args.after !== undefined) start = args.after;
    if (args.around !== undefined) start = Math.max(0, args.around - 1 - Math.floor(limit / 2));
    const page = room.messages.slice(start, args.before === undefined ? start + limit : end);
    return { head: headOf(room), messages: page.map((message) => recordOf(room, message, link.user.id)) };
  },
  post: ({ link, room, args }) => {
    if (args.text.includes('!refuse')) throw new Problem('too_large', 413, 'text');
    return post(link.user, room, args);
  },
  edit: ({ room, args }) => {
    const message = find(room, args.seq);
    Object.assign(message, { text: args.text, edited_at: new Date().toISOString() });
    append(room, 'message.edited', message);
    return { message: recordOf(room, message) };
  },
  delete: ({ link, room, args }) => {
    const message = find(room, args.seq);
    Object.assign(message, { text: '', deleted: { at: new Date().toISOString(), by: link.user.id } });
    message.by.clear();
    append(room, 'message.deleted', message);
    return { message: recordOf(room, message) };
  },
  react: ({ link, room, args }) => {
    const message = find(room, args.seq);
    react(room, message, link.user.id, args.emoji, args.on);
    return { message: recordOf(room, message) };
  },
  mark: ({ link, room, args }) => {
    room.markers.set(link.user.id, args.seq);
    const { marker, unread } = channelOf(room, link.user.id);
    for (const other of links) {
      if (other !== link && other.user === link.user) signal(other, 'marker', { room: room.id, ...marker, unread });
    }
    return { marker, unread };
  },
  typing: ({ link, room }) => {
    for (const other of links) {
      if (other !== link && other.open.has(room.id)) signal(other, 'typing', { room: room.id, user: link.user.id });
    }
    return {};
  },
};

function react(room, message, user, emoji, on) {
  const who = message.by.get(emoji) ?? new Set();
  message.by.set(emoji, who);
  if (on) who.add(user);
  else who.delete(user);
  append(room, 'reaction.changed', message, { seq: message.seq, emoji, user, on, count: who.size });
}

function authenticate(link, args) {
  const resumed = args.resume?.epoch === epoch;
  links.add(link);
  if (resumed) {
    for (const [id, rev] of Object.entries(args.resume.rooms)) {
      link.open.add(id);
      setImmediate(() => replay(link, rooms.get(id), rev));
    }
  }
  const channelsIn = (one) => [...rooms.values()].filter((room) => room.guild === one.id);
  const listed = guilds.map((one) => ({
    ...one,
    channels: channelsIn(one).map((room) => channelOf(room, link.user.id)),
    more_channels: false,
  }));
  const { id, name } = link.user;
  return { epoch, instance: { name: instanceName, rev: 1 }, user: { id, name }, session: newId(), resumed, guilds: listed, conversations: conversationsOf(link.user.id), more_conversations: false };
}

function serveSocket(socket, user) {
  const link = { socket, user, open: new Set() };
  signal(link, 'hello', { epoch, heartbeat_ms: 30_000, authenticate_within_ms: 10_000, version: 'fake' });
  socket.on('message', (frame) => {
    const { id, op, args = {} } = JSON.parse(String(frame));
    try {
      const room = args.room === undefined ? undefined : rooms.get(args.room);
      if (args.room !== undefined && room === undefined) throw new Problem('not_found', 404);
      if (op !== 'authenticate' && OPS[op] === undefined) throw new Problem('unknown_op', 400);
      const ok = op === 'authenticate' ? authenticate(link, args) : OPS[op]({ link, room, args });
      socket.send(JSON.stringify({ id, ok }));
    } catch (error) {
      const { code = 'internal', field } = error;
      socket.send(JSON.stringify({ id, error: { code, message: error.message, field } }));
    }
  });
  socket.on('close', () => links.delete(link));
}

function signIn(response, user) {
  const token = newId();
  sessions.set(token, user);
  for (const room of rooms.values()) if (room.first.has(user.id)) room.markers.set(user.id, room.first.get(user.id));
  response.setHeader('Set-Cookie', `madang_session=${token}; HttpOnly; SameSite=Lax; Path=/`);
  return [201, { user: { id: user.id, name: user.name } }];
}

function setUp(body) {
  instanceName = body.instance_name;
  guild.name = body.guild_name;
  const owner = addUser(body.name, body.password);
  guild.owner = owner.id;
  addRoom('general');
  return owner;
}

function userOf(request) {
  const token = /madang_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
  return sessions.get(token);
}

function needUser(request) {
  const user = userOf(request);
  if (user === undefined) throw new Problem('unauthenticated', 401);
  return user;
}


function api(request, response, path, query, body) {
  const route = `${request.method} ${path}`;
  if (route === 'GET instance') return [200, { name: instanceName, rev: 1, set_up: guild.owner !== '', version: 'fake' }];
  if (route === 'POST setup') return signIn(response, setUp(body));
  if (route === 'POST sessions') {
    const user = [...users.values()].find((one) => one.name === body.name && one.password === body.password);
    if (user === undefined) throw new Problem('wrong_credentials', 401);
    return signIn(response, user);
  }
  if (route === 'DELETE sessions/current') return [204];
  if (route === 'GET me') {
    const user = needUser(request);
    return [200, { user: publicUser(user), owner: user.id === guild.owner }];
  }
  if (route === 'GET presence') {
    const ids = query.get('ids').split(',').filter((id) => users.has(id));
    return [200, { users: ids.map((id) => OPS.seen(users.get(id))) }];
  }
  if (route === 'GET users') {
    const ids = query.get('ids').split(',');
    return [200, { users: ids.map((id) => users.get(id)).filter((user) => user !== undefined).map(publicUser) }];
  }
  if (route === 'POST invites') {
    const code = newId().slice(-10);
    invites.set(code, needUser(request));
    return [201, { code, url: `http://127.0.0.1:${port}/invite/${code}`, uses_left: null, expires_at: null }];
  }
  const [kind, first, second, third, , emoji] = path.split('/');
  if (kind === 'invites') {
    const by = invites.get(first);
    if (by === undefined) throw new Problem('not_found', 404);
    if (second === 'accept') return signIn(response, addUser(body.name, body.password));
    return [200, { instance_name: instanceName, guild_name: guild.name, invited_by: by.name }];
  }
  if (kind === 'guilds' && request.method === 'POST') {
    const where = guilds.find((one) => one.id === first);
    return [201, channelOf(addRoom(body.name, body.topic, where), '')];
  }
  if (kind === 'rooms') {
    const who = find(rooms.get(first), Number(third)).by.get(decodeURIComponent(emoji)) ?? new Set();
    return [200, { users: [...who].map((id) => publicUser(users.get(id))), more: false }];
  }
  throw new Problem('not_found', 404);
}

function page(response, path) {
  const wanted = join(dist, normalize(path));
  const file = extname(wanted) !== '' && existsSync(wanted) ? wanted : join(dist, 'index.html');
  response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
  response.setHeader('Content-Security-Policy', "default-src 'self'");
  if (path.startsWith('/assets/')) response.setHeader('Cache-Control', 'public, max-age=31536000, immutable');
  createReadStream(file).pipe(response);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://fake');
  if (!url.pathname.startsWith('/api/v1/')) return page(response, url.pathname);
  let text = '';
  for await (const part of request) text += part;
  try {
    const body = text === '' ? {} : JSON.parse(text);
    const [status, answer] = api(request, response, url.pathname.slice(8), url.searchParams, body);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(answer && JSON.stringify(answer));
  } catch (error) {
    const { code = 'internal', status = 500, field } = error;
    response.writeHead(status, { 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title: code, status, code, detail: error.message, field }));
  }
});

const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'madang.v1.json' });
server.on('upgrade', (request, socket, head) => {
  const user = userOf(request);
  if (user === undefined) return socket.destroy();
  sockets.handleUpgrade(request, socket, head, (made) => serveSocket(made, user));
});

if (process.argv.includes('--empty')) {
  console.log(`set-up link: http://127.0.0.1:${port}/setup#token=fake`);
} else {
  const owner = setUp({ instance_name: '마당', guild_name: '한옥 스튜디오', name: '김하늘', password: 'madang-madang' });
  talk({ owner, addUser, addGuild, addRoom, addConversation, rooms, post, react }, process.argv.includes('--guilds'));
  if (process.argv.includes('--extreme')) extreme({ owner, addUser, addRoom, post, react });
  if (process.argv.includes('--many')) many({ owner, addRoom, rooms, post });
  console.log(`http://127.0.0.1:${port} (김하늘 / madang-madang)`);
}
server.listen(port, '127.0.0.1');
