import { request, type APIRequestContext, type Browser, type BrowserContextOptions } from '@playwright/test';
import { Person } from './person.ts';
import { Server } from './server.ts';
import { CONVERSATIONS, TALK, type Said } from './talk.ts';

const PASSWORD = 'madang-madang';
const OWNER = '김하늘';
const OTHERS = ['이서준', '박지우', 'Mina Weber', '최도윤', 'Olu Adeyemi', '정하은', '한결', 'نور الدين', 'Bartholomew Featherstonehaugh', 'Jo'];
const LONG = 'A channel whose name is as long as the server lets it be, 64 of';

type Answer = Record<string, unknown>;

/** A server with a small team that has been at it for a while, for pictures and for looking at every page. */
export class Yard {
  readonly users: Record<string, string> = {};
  readonly rooms: Record<string, string> = {};
  readonly roles: Record<string, string> = {};
  readonly clients: Record<string, APIRequestContext> = {};
  /** When it was said, in minutes before the last thing that was, by room and number. */
  readonly ages: Record<string, number> = {};
  invite = '';

  private constructor(
    readonly server: Server,
    readonly owner: Person,
    readonly guild: string,
  ) {}

  static async open(browser: Browser): Promise<Yard> {
    const server = await Server.start();
    const owner = await Person.open(browser, OWNER);
    await owner.setUp(server, '마당', '한옥 스튜디오');
    const yard = new Yard(server, owner, /\/g\/(\w+)/.exec(owner.page.url())?.[1] ?? '');
    yard.clients[OWNER] = owner.page.request;
    yard.users[OWNER] = ((await yard.ask(OWNER, 'GET', '/me'))['user'] as { id: string }).id;
    yard.rooms['general'] = owner.room;
    // Nobody sits in front of the pictures.
    await owner.page.goto('about:blank');
    await yard.gather();
    await yard.furnish();
    for (const [room, said] of Object.entries(TALK)) await yard.talk(yard.rooms[room] ?? '', said);
    await yard.converse();
    await yard.neighbours();
    return yard;
  }

  async close(): Promise<void> {
    for (const [name, client] of Object.entries(this.clients)) if (name !== OWNER) await client.dispose();
    await this.server.remove();
  }

  /** The owner again, in a window of another kind. */
  async visitor(browser: Browser, options: BrowserContextOptions, who = OWNER): Promise<Person> {
    const person = await Person.open(browser, who, { reducedMotion: 'reduce', ...options, storageState: await this.clients[who]!.storageState() });
    await person.page.addInitScript((locale) => {
      // As on every visit but the first: with the page's own letters.
      localStorage.setItem('madang.letters', '1');
      localStorage.setItem('madang.session', '1');
      if (locale !== undefined) localStorage.setItem('madang.locale', locale);
    }, options.locale);
    return person;
  }

  async ask(who: string, method: string, path: string, data: object = {}): Promise<Answer> {
    const { url } = this.server;
    const answer = await this.clients[who]!.fetch(`${url}/api/v1${path}`, { method, headers: { Origin: url }, ...(method === 'GET' ? {} : { data }) });
    if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.status() === 204 ? {} : ((await answer.json()) as Answer);
  }

  private async gather() {
    this.invite = String((await this.ask(OWNER, 'POST', '/invites', { guild: this.guild }))['code']);
    for (const name of OTHERS) {
      this.clients[name] = await request.newContext();
      const { user } = await this.ask(name, 'POST', `/invites/${this.invite}/accept`, { name, password: PASSWORD });
      this.users[name] = (user as { id: string }).id;
    }
    await this.ask('박지우', 'PATCH', '/me', { bio: '글자와 여백을 돌봐요. 화·목은 재택이에요.' });
    await this.ask('박지우', 'PUT', '/me/custom-status', { text: '시안 마무리', emoji: '🎨' });
    await this.ask(OWNER, 'PUT', '/me/custom-status', { text: '회의 중이에요', emoji: '☕' });
  }

  private async furnish() {
    const { guild } = this;
    const categories: Record<string, string> = {};
    for (const name of ['만들기', '쉬는 곳']) categories[name] = String((await this.ask(OWNER, 'POST', `/guilds/${guild}/categories`, { name }))['id']);
    const channels = [['공지', ''], ['디자인', '만들기'], ['web', '만들기'], ['release-0.1', '만들기'], ['점심', '쉬는 곳'], ['산책', '쉬는 곳'], ['비어 있는 곳', '쉬는 곳'], [LONG, '쉬는 곳']] as const;
    await this.ask(OWNER, 'PATCH', `/rooms/${this.rooms['general']}`, { topic: '모두가 함께 보는 곳 · 급한 일은 @부르기', position: 1 });
    for (const [at, [name, category]] of channels.entries()) {
      const room = String((await this.ask(OWNER, 'POST', `/guilds/${guild}/channels`, { name, topic: TOPICS[name] ?? '' }))['id']);
      this.rooms[name] = room;
      await this.ask(OWNER, 'PATCH', `/rooms/${room}`, { position: at + 2, ...(category === '' ? { is_announcement: true } : { category: categories[category] }) });
    }
    this.rooms['extreme'] = this.rooms[LONG] ?? '';
    for (const [name, colour] of [['디자이너', '#b0447a'], ['개발자', '#2f6fb0'], ['길잡이', '#2f7d4f']] as const) {
      this.roles[name] = String((await this.ask(OWNER, 'POST', `/guilds/${guild}/roles`, { name, colour, permissions: ['pin', 'kick'], is_mentionable: true }))['id']);
    }
    for (const [name, role] of [['박지우', '디자이너'], ['정하은', '디자이너'], ['이서준', '개발자'], ['Mina Weber', '개발자'], ['Olu Adeyemi', '개발자'], ['최도윤', '길잡이']] as const) {
      await this.ask(OWNER, 'PUT', `/guilds/${guild}/members/${this.users[name]}/roles`, { roles: [this.roles[role]] });
    }
    const design = this.rooms['디자인'] ?? '';
    await this.ask(OWNER, 'PUT', `/rooms/${design}/overrides/roles/${guild}`, { deny: ['view'] });
    for (const [role, allow] of [['디자이너', ['view', 'pin']], ['개발자', ['view']]] as const) await this.ask(OWNER, 'PUT', `/rooms/${design}/overrides/roles/${this.roles[role]}`, { allow, deny: [] });
    await this.ask(OWNER, 'PUT', `/guilds/${guild}/bans/${this.users['Jo']}`, { reason: '광고' });
  }

  /** People and roles are named as a reader sees them; here they become what the page sends. */
  private written(text: string): string {
    return text.replace(/<@(&?)([^>]+)>/g, (_, sign: string, name: string) => `<@${sign}${(sign === '' ? this.users : this.roles)[name]}>`);
  }

  private async talk(room: string, lines: readonly Said[]) {
    const seqs: Record<string, number> = {};
    for (const { by, text, ago, as, to, likes = {}, isPinned = false, isEdited = false, isDeleted = false, thread = [] } of lines) {
      const reply = to === undefined ? {} : { reply_to: seqs[to] };
      const first = isEdited ? text.slice(0, text.indexOf('.') + 1) : text;
      const { message } = (await this.ask(by, 'POST', `/rooms/${room}/messages`, { text: this.written(first), ...reply })) as { message: { seq: number } };
      const { seq } = message;
      const path = `/rooms/${room}/messages/${seq}`;
      if (as !== undefined) seqs[as] = seq;
      this.ages[`${room} ${seq}`] = ago;
      for (const [emoji, names] of Object.entries(likes)) for (const name of names) await this.ask(name, 'PUT', `${path}/reactions/${encodeURIComponent(emoji)}`);
      for (const answer of thread) {
        const posted = (await this.ask(answer.by, 'POST', `${path}/thread`, { text: this.written(answer.text) })) as { message: { seq: number; room: string } };
        this.ages[`${posted.message.room} ${posted.message.seq}`] = answer.ago;
        this.rooms['thread'] = `${room}/t/${seq}`;
      }
      if (isPinned) {
        await this.ask(OWNER, 'PUT', `/rooms/${room}/pins/${seq}`);
        // The server tells of it in the room.
        this.ages[`${room} ${seq + 1}`] = ago;
      }
      if (isEdited) await this.ask(by, 'PATCH', path, { text: this.written(text) });
      if (isDeleted) await this.ask(by, 'DELETE', path);
    }
  }

  private async neighbours() {
    for (const [name, by, description] of NEIGHBOURS) {
      const id = String((await this.ask(by, 'POST', '/guilds', { name }))['id']);
      await this.ask(by, 'PATCH', `/guilds/${id}`, { description, is_public: true });
      this.rooms[name] = id;
    }
    await this.ask(OWNER, 'POST', `/guilds/${this.rooms['산책 모임']}/join`);
  }

  private async converse() {
    for (const { users, name, said } of CONVERSATIONS) {
      const [first = ''] = users;
      const room = users.length === 1 ? await this.ask(OWNER, 'PUT', `/dms/${this.users[first]}`) : await this.ask(OWNER, 'POST', '/groups', { users: users.map((user) => this.users[user]), name });
      this.rooms[name] = String(room['id']);
      await this.talk(String(room['id']), said);
    }
  }
}

/** Guilds that anybody may join. */
const NEIGHBOURS = [
  ['산책 모임', '최도윤', '토요일 아침마다 걸어요. 비가 오면 차를 마셔요.'],
  ['Open Fonts', 'Mina Weber', 'Type for everybody: Hangul, Latin and how they sit together.'],
  ['책 읽는 밤', '박지우', '한 달에 한 권. 다 읽지 못해도 괜찮아요.'],
  ['Rust Seoul', 'Olu Adeyemi', ''],
] as const;

const TOPICS: Record<string, string> = {
  공지: '모두에게 알릴 일',
  디자인: '화면과 글, 색과 소리',
  web: 'The page: what it does and how fast',
  'release-0.1': 'What goes out, and when',
  [LONG]: '주제도 아주 길 수 있어요. '.repeat(12).trim(),
};
