//! What names and texts may be made of, and which of them look alike.

use madang_storage::model::StateKey;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::mixed_script::AugmentedScriptSet;

use super::{Code, Error, Result};

/// A user's name has at least so many characters.
pub const MIN_USER_NAME: usize = 2;
/// A user's name has at most so many characters.
pub const MAX_USER_NAME: usize = 32;
/// The names of channels, guilds and the instance have at most so many characters.
pub const MAX_TITLE: usize = 64;
/// A channel's topic has at most so many characters.
pub const MAX_TOPIC: usize = 250;
/// The longest words that somebody is seen with, in characters.
const MAX_WORDS: usize = 100;
/// More bytes than any allowed text of a line has: checked before any work is done on it.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// How many marks may be stacked on one letter; no writing system in use needs more.
const MAX_STACKED_MARKS: usize = 3;
/// Names that will stand for something else in a message, or for the server itself.
const RESERVED: [&str; 6] = ["all", "channel", "everyone", "here", "madang", "system"];

/// A name as it is shown, and the form in which it is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What people see.
    pub shown: String,
    /// The same for all names that one would take for this one.
    pub folded: String,
}

/// Reads the name of a person: 2 to 32 letters, digits, spaces and `. _ -`, in one writing system.
pub fn user_name(raw: &str) -> Result<Name> {
    const FIELD: &str = "name";
    let Line { shown, plain } = line(FIELD, raw, MAX_USER_NAME)?;
    if plain.chars().count() < MIN_USER_NAME {
        let text = format!("a name has at least {MIN_USER_NAME} characters");
        return Err(Error::invalid(FIELD, text));
    }
    if !plain.chars().all(is_name_character) {
        let text = "a name is made of letters, digits, single spaces and . _ -";
        return Err(Error::invalid(FIELD, text));
    }
    if !plain.chars().any(char::is_alphanumeric) || plain.contains("  ") || has_heaped_marks(&plain) {
        let text = "a name needs a letter or digit, and has no doubled spaces or heaped marks";
        return Err(Error::invalid(FIELD, text));
    }
    if mixes_scripts(&plain) {
        let text = "a name does not mix writing systems whose letters look alike";
        return Err(Error::invalid(FIELD, text));
    }
    let folded = fold(&plain);
    if RESERVED.contains(&folded.as_str()) {
        return Err(name_taken(FIELD));
    }
    Ok(Name { shown, folded })
}

/// The other forms in which a person's name is unique, beside its `folded` one: what it looks like as it was typed, and,
/// where its letters are not Latin, in capitals. Cyrillic `ВОВ` looks like `BOB`, and `вов` like nothing that is Latin; a
/// capital `I` looks like a small `l`, and like the small `i` that stands for it.
pub(super) fn alike(shown: &str, folded: &str) -> Vec<String> {
    let plain: String = shown.nfkc().collect();
    let mut forms = vec![unified(&plain)];
    let has_case = |character: char| character.is_lowercase() || character.is_uppercase();
    if plain
        .chars()
        .any(|character| has_case(character) && !is_latin(character))
    {
        let capitals = plain.to_uppercase();
        forms.push(unified(&capitals));
        forms.push(unified(&with_dots(&capitals)));
    }
    forms.sort_unstable();
    forms.dedup();
    forms.retain(|form| form != folded);
    forms
}

/// With a small `i` for each capital that looks like a capital `I`.
fn with_dots(capitals: &str) -> String {
    let has_dot = |letter: char| {
        letter.is_uppercase() && unicode_security::skeleton(letter.encode_utf8(&mut [0; 4])).eq(['l'])
    };
    capitals
        .chars()
        .map(|letter| if has_dot(letter) { 'i' } else { letter })
        .collect()
}

/// Reads the name of a channel, guild or instance: one line of 1 to 64 characters that all show something.
pub fn title(field: &'static str, raw: &str) -> Result<Name> {
    let Line { shown, plain } = line(field, raw, MAX_TITLE)?;
    if plain.is_empty() {
        return Err(Error::invalid(field, "a name needs at least one character"));
    }
    if plain.chars().any(is_invisible) || has_heaped_marks(&plain) {
        return Err(Error::invalid(field, "a name has no invisible characters"));
    }
    let folded = fold(&plain);
    Ok(Name { shown, folded })
}

/// Reads what a channel is about: one line of at most 250 characters, or nothing.
pub fn topic(raw: &str) -> Result<String> {
    let Line { shown, plain } = line("topic", raw, MAX_TOPIC)?;
    if plain.chars().any(turns_direction) || has_heaped_marks(&plain) {
        return Err(Error::invalid(
            "topic",
            "a topic has no characters that turn the direction of writing",
        ));
    }
    Ok(shown)
}

/// Reads a few words that somebody is seen with: one line of at most 100 characters, or nothing.
pub fn words(field: &'static str, raw: &str) -> Result<String> {
    let Line { shown, plain } = line(field, raw, MAX_WORDS)?;
    if plain.chars().any(turns_direction) || has_heaped_marks(&plain) {
        return Err(Error::invalid(
            field,
            "these have no characters that turn the direction of writing",
        ));
    }
    if !shown.is_empty() && shown.chars().all(is_blank) {
        return Err(Error::invalid(
            field,
            "at least one character must show something",
        ));
    }
    Ok(shown)
}

/// Refuses a text of several lines that hides something, or reaches over what is written around it.
pub(super) fn check_lines(field: &'static str, text: &str) -> Result<()> {
    let is_hidden = |character: char| character.is_control() && character != '\n' && character != '\t';
    let is_bad = |character: char| is_hidden(character) || turns_direction(character);
    if text.chars().any(is_bad) || text.lines().any(has_heaped_marks) {
        let text = "control characters, characters that turn the direction of writing and heaped marks are not allowed";
        return Err(Error::invalid(field, text));
    }
    Ok(())
}

/// The answer to a name that another one has.
pub(super) fn name_taken(field: &'static str) -> Error {
    Error {
        field: Some(field.into()),
        ..Error::new(Code::NameTaken, "the name is taken, or looks like one that is")
    }
}

/// One line of text.
struct Line {
    /// As it was typed, with one code point for a letter where there is one, and plain spaces.
    shown: String,
    /// With what only looks different brought into one form (NFKC). This is what is judged and compared. It would show
    /// wrongly: a Korean letter that stands alone would become a part that waits for the rest of its syllable.
    plain: String,
}

/// One line of text without spaces around it and with at most `max` characters.
fn line(field: &'static str, raw: &str, max: usize) -> Result<Line> {
    let too_long = || Error::too_large(field, format!("at most {max} characters are allowed"));
    if raw.len() > MAX_LINE_BYTES {
        return Err(too_long());
    }
    if raw.chars().any(char::is_control) {
        return Err(Error::invalid(field, "control characters are not allowed"));
    }
    // What cannot be seen is refused before it is brought into another form, in which it might pass.
    let hidden = |character: char| turns_direction(character) || matches!(character, '\u{200b}' | '\u{feff}');
    if raw.chars().any(hidden) {
        return Err(Error::invalid(field, "invisible characters are not allowed"));
    }
    let spaced = |character: char| if character.is_whitespace() { ' ' } else { character };
    let shown: String = raw.nfc().map(spaced).collect();
    let plain: String = raw.nfkc().collect();
    let (shown, plain) = (shown.trim(), plain.trim());
    if shown.chars().count() > max || plain.chars().count() > max {
        return Err(too_long());
    }
    Ok(Line {
        shown: shown.to_owned(),
        plain: plain.to_owned(),
    })
}

/// The same for all texts that one would take for this one: letter case and look-alikes are gone (UTS 39).
///
/// Stored as the key of claims, so another Unicode version must not change it unnoticed: a test holds examples.
fn fold(text: &str) -> String {
    unified(&text.to_lowercase())
}

/// The skeleton of a text in small letters.
fn unified(text: &str) -> String {
    let skeleton: String = unicode_security::skeleton(text).collect();
    let folded: String = skeleton.to_lowercase().nfc().collect();
    // Half of a key at most: the rest is for what stands before it. In some writing systems a name within its limit folds
    // to more than that; its hash is the same for the same names, too.
    if folded.len() > StateKey::MAX_BYTES / 2 {
        let digest = Sha256::digest(folded.as_bytes());
        return digest.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    folded
}

fn is_name_character(character: char) -> bool {
    let is_letter = character.is_alphanumeric() || is_combining_mark(character);
    (is_letter && !is_invisible(character)) || matches!(character, ' ' | '.' | '_' | '-')
}

/// Whether marks are piled up so high that they run over other lines, or stand alone in front.
fn has_heaped_marks(text: &str) -> bool {
    if text.chars().next().is_some_and(is_combining_mark) {
        return true;
    }
    let mut stacked = 0;
    text.chars().any(|character| {
        stacked = if is_combining_mark(character) {
            stacked + 1
        } else {
            0
        };
        stacked > MAX_STACKED_MARKS
    })
}

/// Whether letters come from several writing systems. Latin stands beside Chinese, Japanese and Korean everywhere, so
/// these mixtures are none.
fn mixes_scripts(name: &str) -> bool {
    if !AugmentedScriptSet::for_str(name).is_empty() {
        return false;
    }
    let others: String = name.chars().filter(|character| !is_latin(*character)).collect();
    let set = AugmentedScriptSet::for_str(&others);
    !(set.hanb || set.jpan || set.kore)
}

fn is_latin(character: char) -> bool {
    let mut set = AugmentedScriptSet::for_char(character);
    set.intersect_with(AugmentedScriptSet::for_char('a'));
    !set.is_empty()
}

/// Whether a character shows nothing.
pub fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control() || is_invisible(character)
}

/// Characters that turn the direction of what follows.
fn turns_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing, or that change the direction of what follows: names with them look like others.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(raw: &str) -> String {
        user_name(raw)
            .map(|name| name.folded)
            .unwrap_or_else(|error| panic!("{raw}: {error}"))
    }

    #[test]
    fn people_may_be_called_what_they_are_called() {
        for name in [
            "Jo",
            "마당이",
            "김철수 (X)".trim_end_matches(" (X)"),
            "山田 太郎",
            "Ольга",
            "नमिता",
            "สมชาย",
            "محمد",
            "José-María",
            "K8s_운영",
            "O.Neil",
            "Łukasz",
            "ひらがなと漢字",
            "李小龍",
        ] {
            assert_eq!(user_name(name).expect(name).shown, name);
        }
        assert_eq!(user_name("  Anna ").expect("a name").shown, "Anna");
        assert_eq!(user_name("山田　太郎").expect("a name").shown, "山田 太郎");
        let decomposed: String = "José-María".nfd().collect();
        assert_eq!(user_name(&decomposed).expect("a name").shown, "José-María");
    }

    #[test]
    fn what_was_typed_is_shown_and_what_it_stands_for_is_compared() {
        for (typed, same) in [
            ("ㅁㅁ", "\u{1106}\u{1106}"),
            ("ㅇㅇ", "\u{110b}\u{110b}"),
            ("Ａｎｎａ", "anna"),
            ("𝐀𝐧𝐧𝐚", "Anna"),
        ] {
            let name = user_name(typed).expect(typed);
            assert_eq!(name.shown, typed);
            assert_eq!(name.folded, folded(same), "{typed}");
        }
        assert_eq!(title("name", "ㅋㅋ 방").expect("a title").shown, "ㅋㅋ 방");
        assert_eq!(topic("ㅋㅋㅋ").expect("a topic"), "ㅋㅋㅋ");
        // Judged by what it stands for: Cyrillic behind mathematical letters is a mixture all the same.
        assert!(user_name("𝐩\u{430}ypal").is_err());
    }

    #[test]
    fn names_that_hide_something_are_refused() {
        for name in [
            "",
            "a",
            " a ",
            "an\u{200b}na",
            "anna\u{202e}",
            "\u{2066}anna",
            "an\u{ad}na",
            "an\nna",
            "an\u{0}na",
            "anna\u{3164}",
            "an\u{1160}na",
            "anna\u{feff}",
            "an\u{200d}na",
            "a  b",
            "--",
            "anna@here",
            "<b>anna</b>",
            "anna🎉",
            "a\u{301}\u{301}\u{301}\u{301}\u{301}b",
            "\u{301}ab",
            "p\u{430}ypal",
            "\u{e0041}anna",
            "an\u{fe0f}na",
        ] {
            let error = user_name(name).expect_err(name);
            assert_eq!(error.field.as_deref(), Some("name"), "{name:?}");
            assert_eq!(error.code, Code::InvalidField, "{name:?}");
        }
        assert_eq!(user_name(&"a".repeat(33)).expect_err("long").code, Code::TooLarge);
        assert_eq!(
            user_name(&"a".repeat(99_999)).expect_err("long").code,
            Code::TooLarge
        );
        assert_eq!(user_name("Everyone").expect_err("reserved").code, Code::NameTaken);
    }

    #[test]
    fn look_alikes_fold_to_the_same() {
        // The right sides are stored as keys: they must not change.
        assert_eq!(folded("anna"), "anna");
        assert_eq!(folded("ANNA"), "anna");
        assert_eq!(folded("Ａｎｎａ"), "anna");
        assert_eq!(folded("mo"), "rno");
        assert_eq!(folded("m0"), folded("mO"));
        assert_eq!(folded("раура"), folded("paypa"));
        assert_eq!(folded("bob1"), folded("bobl"));
        assert_eq!(folded("마당"), folded("\u{1106}\u{1161}\u{1103}\u{1161}\u{11bc}"));
        assert_ne!(folded("anna"), folded("hanna"));
        assert_ne!(folded("anna b"), folded("annab"));
    }

    /// Whether two names may not stand beside each other: whether they have a form in common.
    fn collide(one: &str, other: &str) -> bool {
        let forms = |raw: &str| {
            let name = user_name(raw).expect(raw);
            let mut forms = alike(&name.shown, &name.folded);
            forms.push(name.folded);
            forms
        };
        let others = forms(other);
        forms(one).iter().any(|form| others.contains(form))
    }

    #[test]
    fn whole_names_of_another_script_look_like_others() {
        for (one, other) in [
            ("ВОВ", "bob"),
            ("вов", "BOB"),
            ("Вов", "Bob"),
            ("ΒΟΒ", "bob"),
            ("ΝΙΚΟ", "niko"),
            ("НАТА", "hata"),
            ("сосо", "COCO"),
            ("ΑΝΝΑ", "anna"),
            ("Ivan", "lvan"),
        ] {
            assert!(collide(one, other), "{one} {other}");
            assert!(collide(other, one), "{other} {one}");
        }
        for (one, other) in [
            ("Ольга", "olga"),
            ("ali", "all1"),
            ("ivan", "lvan"),
            ("Νίκος", "nikos"),
            ("마당이", "마당"),
            ("Анна", "hanna"),
        ] {
            assert!(!collide(one, other), "{one} {other}");
        }
        // Most names have one form, and cost one claim.
        for one in ["bob", "Anna", "마당이", "山田 太郎", "José"] {
            let name = user_name(one).expect(one);
            assert_eq!(alike(&name.shown, &name.folded), Vec::<String>::new(), "{one}");
        }
    }

    #[test]
    fn titles_and_topics_are_one_visible_line() {
        assert_eq!(title("name", " 공지 📣 ").expect("a title").shown, "공지 📣");
        for bad in ["", " ", "a\u{200b}", "a\nb", "\u{202e}a"] {
            assert_eq!(
                title("name", bad).expect_err(bad).code,
                Code::InvalidField,
                "{bad:?}"
            );
        }
        assert_eq!(
            title("name", &"a".repeat(65)).expect_err("long").code,
            Code::TooLarge
        );
        assert_eq!(topic("").expect("none"), "");
        assert_eq!(topic("what we eat 🍜").expect("a topic"), "what we eat 🍜");
        assert_eq!(topic(&"a".repeat(251)).expect_err("long").code, Code::TooLarge);
        assert_eq!(topic("a\u{202e}b").expect_err("turned").code, Code::InvalidField);
    }
}
