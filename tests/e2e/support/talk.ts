/** One message of the pictures' team. */
export interface Said {
  by: string;
  text: string;
  /** Minutes before the last thing that is said. */
  ago: number;
  /** What others answer to. */
  as?: string;
  to?: string;
  likes?: Readonly<Record<string, readonly string[]>>;
  isPinned?: boolean;
  isEdited?: boolean;
  isDeleted?: boolean;
  thread?: readonly Said[];
}

const ME = '김하늘';
const SEOJUN = '이서준';
const JIU = '박지우';
const MINA = 'Mina Weber';
const DOYUN = '최도윤';
const OLU = 'Olu Adeyemi';
const HAEUN = '정하은';
const NOOR = 'نور الدين';
const LONGEST = 'Bartholomew Featherstonehaugh';
const EMOJI = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀', '🔥', '💯', '✅', '🚀', '🍜', '☕', '🌱', '🐢', '🎈', '📌', '🧭', '🏡'];

const filler = (count: number, from: number): Said[] =>
  Array.from({ length: count }, (_, at) => ({ by: [DOYUN, HAEUN, OLU][Math.floor(at / 2) % 3] ?? DOYUN, text: at % 5 === 3 ? 'The build is green again, thanks to everybody who looked.' : `${at + 1}번째 기록이에요. 읽을거리를 모아 두었어요.`, ago: from - at * 4 }));

export const TALK: Readonly<Record<string, readonly Said[]>> = {
  general: [
    { by: MINA, ago: 1500, text: 'Morning! The new build is on the test server, please have a look when you have a minute.' },
    { by: MINA, ago: 1499, text: 'What changed:\n\n- channels show unread counts\n- **replies** quote what they answer\n- `Shift+Enter` makes a new line', isPinned: true, likes: { '👍': [ME, SEOJUN, JIU], '🎉': [DOYUN] } },
    { by: DOYUN, ago: 1490, text: '잘못 올렸어요', isDeleted: true },
    { by: SEOJUN, ago: 1480, text: '확인했어요. 휴대폰에서도 잘 돼요.', isEdited: true },
    { by: JIU, ago: 62, text: '첫 화면 시안을 다듬었어요. 종이 바탕은 그대로 두고 선을 절반으로 줄였어요.', as: 'draft', likes: { '👍': [ME, SEOJUN, DOYUN], '🎨': [HAEUN, MINA] }, thread: [
      { by: HAEUN, ago: 58, text: '여백이 훨씬 편해졌어요. 제목만 한 단계 키우면 어떨까요?' },
      { by: JIU, ago: 55, text: '21로 올려 볼게요.' },
      { by: MINA, ago: 51, text: 'Looks great at 360 px, too. The side bar could be a touch narrower.' },
      { by: JIU, ago: 49, text: '`--side: 248px` 로 맞췄어요.' },
    ] },
    { by: JIU, ago: 61, text: '세 시에 잠깐 모여서 같이 볼까요? 십 분이면 충분해요.', as: 'meet' },
    { by: ME, ago: 47, text: '좋아요. 안건은 여기에 미리 적어 주세요.', to: 'meet' },
    { by: SEOJUN, ago: 31, text: '연결이 끊겼다가 돌아와도 빠지는 글이 없게 고쳤어요. 핵심은 이만큼이에요.\n\n```ts\nasync function resume(rooms: Map<string, number>) {\n  const answer = await ask(\'authenticate\', { resume: { epoch, rooms } });\n  return answer.resumed ? [] : reload(rooms.keys());\n}\n```', as: 'resume', likes: { '🙏': [ME], '🚀': [MINA, OLU, JIU] } },
    { by: OLU, ago: 24, text: 'Nice. I pulled the plug on my router twice and it came back both times with everything in place.', to: 'resume', likes: { '😂': [SEOJUN, DOYUN] } },
    { by: MINA, ago: 12, text: '<@김하늘> can you write two lines for the release notes? Korean is fine, I will translate.' },
    { by: ME, ago: 9, text: '> 마당을 처음 여는 데 일 분이면 됩니다.\n\n이 문장으로 시작해 볼게요.' },
    { by: DOYUN, ago: 3, text: '저는 조금 늦어요. 먼저 시작하시면 금방 따라갈게요 ☕' },
  ],
  공지: [{ by: ME, ago: 2900, text: '@everyone 금요일 오후 네 시에 0.1을 내보내요. 그 전까지 고칠 것은 <@&개발자> 에게 알려 주세요.', likes: { '👍': [SEOJUN, JIU, MINA, DOYUN, OLU, HAEUN], '🎉': [MINA, OLU] } }],
  디자인: [
    { by: JIU, ago: 140, text: '사이드바 색을 조금 더 낮춰 봤어요.' },
    { by: HAEUN, ago: 138, text: '훨씬 차분하네요.', likes: { '❤️': [JIU] } },
  ],
  web: filler(60, 600),
  'release-0.1': [
    { by: OLU, ago: 220, text: 'Checklist for Friday:\n\n1. certificates\n2. backup and restore on a fresh machine\n3. release notes in both languages' },
    { by: MINA, ago: 200, text: 'I take 2.', likes: { '🙏': [OLU] } },
  ],
  점심: [
    { by: DOYUN, ago: 130, text: '오늘 뭐 먹을까요?' },
    { by: HAEUN, ago: 129, text: '김치찌개요 🍲', likes: { '😋': [DOYUN, JIU] } },
    { by: JIU, ago: 128, text: '저도요. <@김하늘> 도 같이 가요!' },
  ],
  extreme: [
    { by: LONGEST, ago: 60, text: '한 메시지에 들어갈 수 있는 만큼 다 적어 봅니다. '.repeat(140).slice(0, 4_000).trim() },
    { by: NOOR, ago: 50, text: 'مرحبا بكم في الفناء. هل نلتقي غدا في الساعة الثالثة؟ https://example.org/a_b', as: 'hello' },
    { by: NOOR, ago: 49, text: 'نعم، **بالتأكيد**، و `code` أيضا.', to: 'hello' },
    { by: ME, ago: 48, text: `https://example.org/${'averylongpathwithoutanybreak'.repeat(12)}` },
    { by: SEOJUN, ago: 47, text: '```ts\nexport const answer = (question: string): number => question.length > 0 ? 42 : Number.NaN; // a line that goes on and on, further than any screen is wide\n\ninterface Person { name: string; since: Date }\n```' },
    { by: OLU, ago: 46, text: 'Twenty reactions, and a spoiler: ||the gate was open all the time||', likes: Object.fromEntries(EMOJI.map((emoji, at) => [emoji, [ME, SEOJUN, JIU, MINA, DOYUN, OLU].slice(at % 3, 1 + (at % 6)).concat(HAEUN)])) },
    { by: LONGEST, ago: 45, text: '> > > nested\n\n1. one\n   - two\n     - three\n\n# Heading\n\n---\n\n~~gone~~ **bold *both***' },
    { by: MINA, ago: 44, text: `Everybody at once: ${[ME, SEOJUN, JIU, DOYUN, OLU, HAEUN, NOOR, LONGEST].map((name) => `<@${name}>`).join(' ')} <@&디자이너> <@&개발자> @here` },
  ],
};

export const CONVERSATIONS: readonly { users: readonly string[]; name: string; said: readonly Said[] }[] = [
  { users: [JIU], name: 'dm', said: [
    { by: JIU, ago: 27, text: '아까 이야기한 색 이름을 정리했어요. 쪽빛, 감, 종이.' },
    { by: ME, ago: 24, text: '이름이 참 좋네요. 그대로 가요.', likes: { '❤️': [JIU] } },
    { by: JIU, ago: 22, text: '고마워요 🙂' },
  ] },
  { users: [SEOJUN, MINA, OLU], name: '가을 나들이', said: [
    { by: MINA, ago: 95, text: 'Saturday works for me.' },
    { by: SEOJUN, ago: 90, text: '저는 일요일이 더 좋아요.' },
    { by: OLU, ago: 88, text: 'Either, as long as there is soup.' },
  ] },
  { users: [NOOR], name: 'noor', said: [{ by: NOOR, ago: 300, text: 'شكرا جزيلا' }] },
  { users: [LONGEST], name: 'long', said: [{ by: ME, ago: 500, text: 'See you on Monday.' }] },
];
