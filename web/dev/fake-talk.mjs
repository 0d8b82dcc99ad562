// What people said in the fake server before the page came: enough to see every kind of row.
const MINUTE = 60_000;

export function talk({ owner, addUser, addGuild, addRoom, addConversation, rooms, post, react }, hasGuilds) {
  const others = ['이서준', '박지우', 'Mina Weber', '최도윤'].map((name) => addUser(name, 'madang-madang'));
  const [seojun, jiu, mina, doyun] = others;
  const [general] = [...rooms.values()];
  general.topic = '모두가 함께 보는 곳';
  const design = addRoom('디자인', '화면과 글, 색과 소리');
  const lunch = addRoom('점심');
  addRoom('release-0.1', 'What goes out, and when');
  const now = Date.now();
  const say = (room, user, minutesAgo, text, extra = {}) =>
    post(user, room, { text, ...extra }, new Date(now - minutesAgo * MINUTE).toISOString()).message.seq;
  const feel = (room, seq, emoji, ...who) => {
    for (const user of who) react(room, room.messages[seq - 1], user.id, emoji, true);
  };

  for (let at = 0; at < 420; at += 1) {
    const who = [seojun, jiu, mina][Math.floor(at / 3) % 3];
    say(general, who, 4 * 24 * 60 + (420 - at) * 3, `${at + 1}번째 메모: 지난주에 정리한 내용을 옮겨 둡니다.`);
  }
  say(general, mina, 1500, 'Morning. The new build is on the test server, please have a look when you have a minute.');
  const plan = say(general, mina, 1499, 'What changed:\n\n- channels show unread counts\n- **replies** quote what they answer\n- `Shift+Enter` makes a new line');
  feel(general, plan, '👍', owner, seojun, jiu);
  feel(general, plan, '🎉', doyun);
  const gone = say(general, doyun, 1490, '잘못 올렸어요');
  general.messages[gone - 1].text = '';
  general.messages[gone - 1].deleted = { at: new Date().toISOString(), by: doyun.id };
  say(general, seojun, 1480, '어떤 내용이었어요?', { reply_to: gone });
  const call = say(general, jiu, 62, '오늘 세 시에 잠깐 모여서 채널 이름을 정하면 어떨까요? 십 분이면 충분할 것 같아요.');
  say(general, jiu, 61, '회의실은 제가 잡아 둘게요.');
  say(general, owner, 58, '좋아요. 안건은 여기에 미리 적어 주세요.', { reply_to: call });
  feel(general, call, '👍', owner, mina, doyun, seojun);
  feel(general, call, '👀', seojun);
  const code = say(general, seojun, 31, '배포 전에 한 번만 돌려 보면 됩니다.\n\n```sh\ncargo xtask ci\ncargo run --release\n```\n자세한 건 https://example.org/madang 에 있어요.');
  feel(general, code, '🙏', owner);
  say(general, mina, 12, '> 자세한 건 여기에 있어요\n\nThanks, I had missed that page.');
  const last = say(general, owner, 8, '그럼 세 시에 봐요');
  general.messages[last - 1].edited_at = new Date(now - 7 * MINUTE).toISOString();
  say(general, owner, 8, '☕');
  say(general, doyun, 3, '저는 조금 늦을 수도 있어요. 먼저 시작하고 계시면 금방 따라갈게요.');
  say(design, jiu, 40, '사이드바 색을 조금 더 낮춰 봤어요.');
  say(design, seojun, 39, '훨씬 차분하네요.');
  for (const text of ['오늘 뭐 먹을까요?', '김치찌개요', '저도요']) say(lunch, doyun, 20, text);
  const news = addRoom('소식', '다른 팀에서 온 글');
  for (let at = 0; at < 120; at += 1) {
    const who = [mina, jiu, doyun][Math.floor(at / 2) % 3];
    const text = at % 7 === 3 ? 'The build is green again, thanks to everybody who looked.' : `${at + 1}번째 소식: 읽을거리를 모아 두었어요.`;
    say(news, who, 600 - at * 4, text);
  }
  if (hasGuilds) {
    const club = addGuild('산책 모임', jiu);
    say(addRoom('이번 주', '', club), jiu, 30, '토요일 아침 어때요?');
    addRoom('hello', '', addGuild('Open Fonts', mina));
  }
  const withJiu = addConversation('dm', [owner, jiu]);
  say(withJiu, jiu, 25, '아까 이야기한 색 이름, 정리해서 보내 드릴게요.');
  say(withJiu, owner, 24, '고마워요. 천천히 주세요.');
  const trip = addConversation('group', [owner, seojun, mina], '가을 나들이');
  say(trip, mina, 90, 'Saturday works for me.');
  say(trip, seojun, 5, '저는 일요일이 더 좋아요.');
  const unread = new Map([[general, 1], [news, 80], [trip, 1]]);
  for (const room of rooms.values()) {
    const { length } = room.messages;
    room.first.set(owner.id, room === design || room === lunch ? 0 : Math.max(0, length - (unread.get(room) ?? length)));
  }
  for (const room of rooms.values()) room.markers.set(owner.id, room.first.get(owner.id));
}

/** More than anybody reads: 1,000 rooms, and 10,000 messages in one of them. */
export function many({ owner, addRoom, rooms, post }) {
  const room = addRoom('many');
  const [first] = rooms.values();
  const people = [...new Set(first.messages.map(({ author }) => author))];
  const now = Date.now();
  for (let at = 0; at < 10_000; at += 1) {
    const text = at % 9 === 4 ? `**${at}** has \`code\`, a https://example.org/${at} link\n\n- and\n- a list` : `message ${at}, which says ${'something '.repeat(1 + (at % 12))}`;
    post({ id: people[Math.floor(at / 2) % people.length] }, room, { text }, new Date(now - (10_000 - at) * 40_000).toISOString());
  }
  for (let at = 0; at < 1_000; at += 1) addRoom(`room ${at}`);
  room.first.set(owner.id, 10_000);
  room.markers.set(owner.id, 10_000);
}

/** What is longest, most, and written the other way round. */
export function extreme({ owner, addUser, addRoom, post, react }) {
  const long = addUser('아주아주긴이름을가진사람이라서어디에서나넘칠수밖에없는김수한무거북이와두루미', 'madang-madang');
  const noor = addUser('نور الهدى', 'madang-madang');
  const others = Array.from({ length: 24 }, (_, at) => addUser(`Person ${at}`, 'madang-madang'));
  const room = addRoom('a-channel-with-a-name-as-long-as-sixty-characters-may-be-yes', '주제도 아주 길 수 있어요. '.repeat(12));
  const now = Date.now();
  const say = (user, minutesAgo, text, extra = {}) => post(user, room, { text, ...extra }, new Date(now - minutesAgo * MINUTE).toISOString()).message.seq;
  say(long, 60, '한 메시지에 들어갈 수 있는 만큼 다 적어 봅니다. '.repeat(145));
  say(noor, 50, 'مرحبا بكم في الفناء. هل نلتقي غدا في الساعة الثالثة؟ https://example.org/a_b');
  const reply = say(noor, 49, 'نعم، **بالتأكيد**، و `code` أيضا.', { reply_to: 2 });
  say(owner, 48, 'https://example.org/' + 'averylongpathwithoutanybreak'.repeat(12));
  say(long, 47, '```ts\nexport const answer = (question: string): number => question.length > 0 ? 42 : Number.NaN; // a line that goes on and on, further than any screen is wide\n\ninterface Person { name: string; since: Date }\n```');
  const liked = say(others[3], 46, 'Twenty reactions, and a spoiler: ||the gate was open all the time||');
  const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀', '🔥', '💯', '✅', '🚀', '🍜', '☕', '🌱', '🐢', '🎈', '📌', '🧭', '🏡'];
  EMOJI.forEach((emoji, at) => {
    for (const user of others.slice(0, 1 + ((at * 7) % 24))) react(room, room.messages[liked - 1], user.id, emoji, true);
    if (at % 4 === 0) react(room, room.messages[liked - 1], owner.id, emoji, true);
  });
  say(others[5], 45, '> > > nested\n\n1. one\n   - two\n     - three\n\n# Heading\n\n---\n\n~~gone~~ **bold *both***', { reply_to: reply });
  say(long, 3, '짧게.', { reply_to: 1 });
  room.first.set(owner.id, room.messages.length);
  room.markers.set(owner.id, room.messages.length);
}
