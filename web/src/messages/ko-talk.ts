import type { talk as english } from './en-talk';

const number = (count: number) => count.toLocaleString('ko');

export const talk: typeof english = {
  copyCode: '코드 복사하기',
  uncover: '스포일러 보기',
  seeReactors: '반응한 사람 보기',
  showMore: '더 보기',
  seeRevisions: '수정하기 전 내용 보기',
  revisions: '수정한 기록',
  revisionNow: '지금 내용',
  jumpToDate: '날짜로 가기',
  toBeginning: '처음으로',
  go: '가기',
  selectMany: '여러 개 고르기',
  selectOne: '이 메시지 고르기',
  selected: (count) => `메시지 ${number(count)}개를 골랐어요`,
  selectedTooMany: (most) => `한 번에 ${number(most)}개까지 고를 수 있어요`,
  deleteManyTitle: (count) => `메시지 ${number(count)}개를 삭제할까요?`,
  keyMessage: '위나 아래 메시지로',
  threadIn: (room) => `${room}의 스레드`,
  keysOfMessage: '메시지에서',
  keysOfMessageHint: 'Tab으로 메시지에 간 다음 화살표로 오갈 수 있어요.',
};
