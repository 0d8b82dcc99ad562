//! Text that looks like what people write in Korean and English, the same for the same seed.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const KOREAN: &[&str] = &[
    "안녕하세요",
    "오늘",
    "회의는",
    "세",
    "시에",
    "시작해요",
    "자료",
    "확인했습니다",
    "배포",
    "끝났어요",
    "그런데",
    "어제",
    "올린",
    "문서",
    "링크",
    "다시",
    "보내주세요",
    "네",
    "좋아요",
    "점심",
    "같이",
    "먹을까요",
    "서버",
    "로그를",
    "보니",
    "메모리가",
    "조금씩",
    "늘어나네요",
    "확인해",
    "볼게요",
    "감사합니다",
    "수고하셨어요",
    "내일",
    "오전에",
    "이야기해요",
    "잠깐만요",
    "테스트가",
    "깨졌는데",
    "고치는",
    "중이에요",
    "새",
    "디자인",
    "정말",
    "마음에",
    "들어요",
    "주말",
    "잘",
    "보내세요",
];
const ENGLISH: &[&str] = &[
    "the", "build", "is", "green", "again", "can", "you", "review", "my", "change", "when", "have", "a",
    "minute", "I", "think", "we", "should", "ship", "this", "tomorrow", "meeting", "moved", "to", "three",
    "thanks", "looks", "good", "customer", "reported", "slow", "search", "on", "mobile", "will", "take",
    "look", "after", "lunch", "deploy", "done", "rollback", "not", "needed", "docs", "updated", "please",
    "check", "numbers",
];

/// Writes messages.
pub(crate) struct Writer(SmallRng);

impl Writer {
    /// A writer that always writes the same for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// One message: mostly short, sometimes long, about 60 % Korean.
    pub(crate) fn message(&mut self) -> String {
        let words = if self.0.random_bool(0.6) { KOREAN } else { ENGLISH };
        let length = if self.0.random_bool(0.05) {
            60
        } else {
            self.0.random_range(2..16)
        };
        let mut text = String::new();
        for index in 0..length {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(words[self.0.random_range(0..words.len())]);
        }
        text
    }

    /// An index below `count`, low ones far more often: rooms are not equally busy.
    pub(crate) fn skewed(&mut self, count: usize) -> usize {
        let unit: f64 = self.0.random();
        let index = (count as f64).powf(unit) - 1.0;
        (index as usize).min(count - 1)
    }
}
