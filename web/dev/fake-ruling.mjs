// How people are seen, and what runs guilds and the server, of the fake server: in memory, without its rules.
const PERMISSIONS = ['administrator', 'manage_guild', 'manage_roles', 'manage_channels', 'kick', 'ban', 'invite', 'manage_invites', 'change_nickname', 'manage_nicknames', 'view_audit', 'view', 'post', 'react', 'threads', 'pin', 'manage_messages', 'mention_everyone', 'announce', 'skip_slow_mode'];
const STATUSES = ['online', 'idle', 'do_not_disturb', 'offline'];

export function ruling({ users, guilds, rooms, links, invites, newId, signal, channelOf, addRoom, publicUser, Problem }) {
  const categories = new Map();
  const roles = new Map();
  const bans = new Map();
  const listOf = (lists, guild, first = () => []) => {
    if (!lists.has(guild)) lists.set(guild, first());
    return lists.get(guild);
  };
  const builtIn = (id, name, position, built_in) => ({ id, name, permissions: built_in === 'administrator' ? PERMISSIONS : ['view', 'post', 'react'], position, colour: null, is_mentionable: false, built_in });
  const rolesOf = (guild) => listOf(roles, guild, () => [builtIn(newId(), 'administrator', 1_000_000, 'administrator'), builtIn(newId(), 'moderator', 1_000, 'moderator'), builtIn(guild, 'everyone', 0, 'member')]);
  const guildOf = (id) => {
    const found = guilds.find((one) => one.id === id);
    if (found === undefined) throw new Problem('not_found', 404);
    return found;
  };
  const tell = (guild, kind, data) => {
    const one = guildOf(guild);
    one.rev += 1;
    for (const link of links) link.socket.send(JSON.stringify({ stream: `guild:${guild}`, rev: one.rev, at: new Date().toISOString(), kind, data }));
  };
  const seen = (user) => ({ user: user.id, status: user.status ?? ([...links].some((link) => link.user === user) ? 'online' : STATUSES[user.id.charCodeAt(25) % 4]), custom: user.custom ?? null });
  const tellPresence = (user) => {
    for (const link of links) signal(link, 'presence', { users: [seen(user)] });
    return {};
  };
  const place = (room, changes) => {
    Object.assign(room, { name: changes.name ?? room.name, topic: changes.topic ?? room.topic });
    room.place = { ...room.place, ...changes };
    for (const link of links) signal(link, 'room', { guild: room.guild, channel: channelOf(room, link.user.id) });
    return {};
  };
  const roomView = (room) => ({ id: room.id, kind: room.kind ?? 'channel', guild: room.guild, name: room.name, topic: room.topic, position: 0, slow_mode_seconds: 0, is_announcement: false, ...room.place, overrides: room.overrides ?? [], permissions: PERMISSIONS });
  const override = (key) => ({ room, args }) => {
    const others = (room.overrides ?? []).filter((one) => one[key] !== args[key]);
    const { allow = [], deny = [] } = args;
    room.overrides = allow.length + deny.length === 0 ? others : [...others, { [key]: args[key], allow, deny }];
    return place(room, { is_private: room.overrides.some((one) => one.role === room.guild && one.deny.includes('view')) });
  };
  const sorted = (guild) => rolesOf(guild).sort((a, b) => b.position - a.position);

  return {
    seen,
    guild: ({ args }) => ({ description: '', is_public: false, welcome_room: null, ...guildOf(args.guild), permissions: PERMISSIONS }),
    change_guild: ({ args: { guild, ...changes } }) => {
      const one = Object.assign(guildOf(guild), changes);
      tell(guild, 'guild.changed', { guild: one });
      return one;
    },
    categories: ({ args }) => ({ categories: listOf(categories, args.guild) }),
    create_category: ({ args: { guild, name } }) => {
      const category = { id: newId(), name, position: 1_000 + listOf(categories, guild).length };
      listOf(categories, guild).push(category);
      tell(guild, 'category.changed', { category });
      return category;
    },
    change_category: ({ args: { guild, category, ...changes } }) => {
      const one = Object.assign(listOf(categories, guild).find(({ id }) => id === category), changes);
      tell(guild, 'category.changed', { category: one });
      return one;
    },
    delete_category: ({ args: { guild, category } }) => {
      categories.set(guild, listOf(categories, guild).filter(({ id }) => id !== category));
      tell(guild, 'category.deleted', { category });
      return {};
    },
    order_channels: ({ args: { guild, order, first = 0 } }) => {
      let under = null;
      for (const [at, id] of order.entries()) {
        const category = listOf(categories, guild).find((one) => one.id === id);
        if (category === undefined) place(rooms.get(id), { position: first + at, category: under });
        else {
          category.position = first + at;
          under = id;
        }
      }
      tell(guild, 'category.changed', { category: null });
      return {};
    },
    create_channel: ({ args: { guild, name, topic } }) => channelOf(addRoom(name, topic, { id: guild }), ''),
    room: ({ room }) => roomView(room),
    change_room: ({ room, args }) => place(room, Object.fromEntries(Object.entries(args).filter(([key]) => key !== 'room'))),
    override_role: override('role'),
    override_user: override('user'),
    members: ({ args: { guild } }) => ({
      members: [...users.values()].filter(({ id }) => !listOf(bans, guild).some(({ user }) => user === id)).map((user) => ({ user: publicUser(user), joined_at: new Date().toISOString(), nickname: user.nickname ?? null, roles: user.roles ?? [] })),
      more: false,
    }),
    set_nickname: ({ args: { guild, user, nickname } }) => {
      const one = Object.assign(users.get(user), { nickname: nickname === '' ? null : nickname });
      tell(guild, 'member.changed', { user, joined_at: new Date().toISOString(), nickname: one.nickname, roles: one.roles ?? [] });
      return {};
    },
    set_roles: ({ args: { guild, user, roles: given } }) => {
      const one = Object.assign(users.get(user), { roles: given });
      tell(guild, 'member.changed', { user, joined_at: new Date().toISOString(), nickname: one.nickname ?? null, roles: given });
      return {};
    },
    ban: ({ link, args: { guild, user } }) => {
      listOf(bans, guild).push({ user, at: new Date().toISOString(), by: link.user.id });
      tell(guild, 'member.banned', { user, by: link.user.id });
      return {};
    },
    lift_ban: ({ args: { guild, user } }) => {
      bans.set(guild, listOf(bans, guild).filter((one) => one.user !== user));
      return {};
    },
    bans: ({ args: { guild } }) => ({ bans: listOf(bans, guild), users: [...users.values()].map(publicUser), more: false }),
    roles: ({ args: { guild } }) => ({ roles: sorted(guild) }),
    create_role: ({ args: { guild, name } }) => {
      const role = { ...builtIn(newId(), name, 1, null), permissions: [] };
      rolesOf(guild).push(role);
      tell(guild, 'role.changed', { role });
      return role;
    },
    change_role: ({ args: { guild, role, ...changes } }) => {
      const one = Object.assign(rolesOf(guild).find(({ id }) => id === role), changes);
      tell(guild, 'role.changed', { role: one });
      return one;
    },
    delete_role: ({ args: { guild, role } }) => {
      roles.set(guild, rolesOf(guild).filter(({ id }) => id !== role));
      tell(guild, 'role.deleted', { role });
      return {};
    },
    create_invite: ({ link }) => {
      const code = newId().slice(-10);
      invites.set(code, link.user);
      return { id: newId(), code, url: '', uses_left: null, expires_at: null };
    },
    invites: ({ link }) => ({ invites: [...invites].map(([id, { id: inviter }]) => ({ id, inviter: inviter ?? link.user.id, uses: 0, uses_left: null, created_at: new Date().toISOString(), expires_at: new Date(Date.now() + 604_800_000).toISOString() })), next: null }),
    arrivals: () => ({ arrivals: [], more: false, next: null }),
    audit: () => ({ entries: [], users: [], next: null }),
    instance_audit: () => ({ entries: [], users: [], next: null }),
    accounts: () => ({ accounts: [...users.values()].map((user) => ({ ...publicUser(user), created_at: new Date().toISOString(), last_used: null, is_administrator: user.id === guilds[0].owner, is_deactivated: false })), more: false }),
    registration: () => ({ registration: 'invite', welcome_guild: null }),
    look: ({ link, args }) => {
      link.looks = args.room;
      return {};
    },
    watch: ({ args }) => ({ users: args.users.map((id) => seen(users.get(id))) }),
    room_presence: ({ room }) => {
      const there = [...links].filter((link) => link.looks === room.id).map((link) => link.user);
      return { users: [...new Set(there)].map((user) => ({ ...seen(user), looks: true, on: user.off !== room.id })), count: there.length };
    },
    set_status: ({ link, args }) => tellPresence(Object.assign(link.user, { status: args.status })),
    set_custom_status: ({ link, args: { text = '', emoji = null, expires_in_seconds } }) =>
      tellPresence(Object.assign(link.user, { custom: { text, emoji, expires_at: expires_in_seconds === undefined ? null : new Date(Date.now() + expires_in_seconds * 1000).toISOString() } })),
    clear_custom_status: ({ link }) => tellPresence(Object.assign(link.user, { custom: null })),
    switch: ({ link, room, args }) => {
      link.user.off = args.on ? undefined : room.id;
      signal(link, 'switched', { room: room.id, on: args.on });
      return {};
    },
    sessions: () => ({ sessions: [] }),
    tokens: () => ({ tokens: [] }),
    notifications: () => ({ notifications: [] }),
    pins: () => ({ messages: [] }),
    mark_all_read: () => ({ rooms: 0 }),
    followed: () => ({ users: [], more: false }),
    blocked: () => ({ users: [], more: false }),
  };
}
