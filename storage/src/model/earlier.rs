//! Texts that messages had before.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A text that a message had before it was edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierText {
    /// When it was written.
    pub at: Timestamp,
    /// Markdown source.
    pub text: String,
}

impl EarlierText {
    /// How many texts a message keeps.
    pub const MAX_KEPT: usize = 20;
    /// How many bytes they have together: pages of messages read them along.
    pub const MAX_BYTES: usize = 32 * 1024;

    /// Puts a text behind the others. When they are too many or too long, the oldest ones behind the first go: what was
    /// said first stays, however often its author edits.
    pub fn keep(kept: &mut Vec<Self>, newest: Self) {
        kept.push(newest);
        while kept.len() > 1 && (kept.len() > Self::MAX_KEPT || bytes_of(kept) > Self::MAX_BYTES) {
            kept.remove(1);
        }
    }
}

fn bytes_of(kept: &[EarlierText]) -> usize {
    kept.iter().map(|earlier| earlier.text.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(texts: &[String]) -> Vec<String> {
        let mut kept = Vec::new();
        for text in texts {
            let text = text.clone();
            EarlierText::keep(
                &mut kept,
                EarlierText {
                    at: Timestamp::default(),
                    text,
                },
            );
        }
        kept.into_iter().map(|earlier| earlier.text).collect()
    }

    #[test]
    fn of_too_many_earlier_texts_the_oldest_behind_the_first_go() {
        let texts: Vec<String> = (0..=EarlierText::MAX_KEPT)
            .map(|number| number.to_string())
            .collect();
        assert_eq!(kept(&texts[1..]), texts[1..]);
        assert_eq!(kept(&texts), [&texts[..1], &texts[2..]].concat());
    }

    #[test]
    fn of_too_long_earlier_texts_the_oldest_behind_the_first_go() {
        let half = "x".repeat(EarlierText::MAX_BYTES / 2);
        let texts = [half.clone(), half.clone(), "last".to_owned()];
        assert_eq!(kept(&texts), [half.clone(), "last".to_owned()]);
        let texts = ["first".to_owned(), half.clone(), half.clone()];
        assert_eq!(kept(&texts), ["first".to_owned(), half]);
    }
}
