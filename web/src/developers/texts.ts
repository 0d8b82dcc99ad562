/** The few words of this page. What operations do is told by the server, in English. */
const en = {
  lead: 'Every operation of this server, to read and to try. Requests are sent with the session of this browser and change real data. Over the WebSocket gateway the same names and fields work.',
  find: 'Find an operation',
  failed: 'The description could not be loaded.',
  retry: 'Try again',
  nothing: 'No operation fits.',
  optional: 'optional',
  send: 'Send',
  noAnswer: 'The server did not answer.',
  scope: (name: string) => `An access token needs the scope “${name}”.`,
};

const ko: typeof en = {
  lead: '이 서버가 할 수 있는 모든 일을 읽고 직접 해 볼 수 있어요. 요청은 이 브라우저의 로그인으로 보내지고 실제 데이터를 바꿔요. WebSocket 게이트웨이에서도 이름과 필드가 같아요.',
  find: '요청 찾기',
  failed: '설명을 불러오지 못했어요.',
  retry: '다시 시도',
  nothing: '맞는 요청이 없어요.',
  optional: '선택',
  send: '보내기',
  noAnswer: '서버가 응답하지 않았어요.',
  scope: (name: string) => `액세스 토큰에는 “${name}” 권한이 있어야 해요.`,
};

export type Texts = typeof en;

export function texts(language: string): Texts {
  return language.startsWith('ko') ? ko : en;
}
