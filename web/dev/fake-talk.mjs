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
