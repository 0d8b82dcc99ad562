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

    /// Puts a text behind the others; the oldest ones go when they are too many or too long.
    pub fn keep(kept: &mut Vec<Self>, newest: Self) {
        kept.push(newest);
        let too_many = kept.len().saturating_sub(Self::MAX_KEPT);
        let mut bytes: usize = kept.iter().map(|earlier| earlier.text.len()).sum();
        let goes = kept.iter().enumerate().take_while(|(index, earlier)| {
            let goes = *index < too_many || bytes > Self::MAX_BYTES;
            bytes -= if goes { earlier.text.len() } else { 0 };
            goes
        });
        let gone = goes.count();
        kept.drain(..gone);
    }
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
    fn the_oldest_of_too_many_earlier_texts_go() {
        let texts: Vec<String> = (0..=EarlierText::MAX_KEPT)
            .map(|number| number.to_string())
            .collect();
        assert_eq!(kept(&texts[1..]), texts[1..]);
        assert_eq!(kept(&texts), texts[1..]);
    }

    #[test]
    fn the_oldest_of_too_long_earlier_texts_go() {
        let half = "x".repeat(EarlierText::MAX_BYTES / 2);
        let texts = ["first".to_owned(), half.clone(), half.clone()];
        assert_eq!(kept(&texts), [half.clone(), half.clone()]);
        let texts = [half.clone(), half.clone(), "last".to_owned()];
        assert_eq!(kept(&texts), [half, "last".to_owned()]);
    }
}
