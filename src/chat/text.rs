//! The text of messages, in the form in which it is checked and kept.

/// Brings line breaks into one form: programs on other systems end lines with CR LF, or with CR alone.
pub(super) fn normalised(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_is_a_line_feed() {
        for (typed, kept) in [
            ("", ""),
            ("one\ntwo", "one\ntwo"),
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("one\rtwo", "one\ntwo"),
            ("one\r\r\n\n\rtwo", "one\n\n\n\ntwo"),
        ] {
            assert_eq!(normalised(typed.to_owned()), kept, "{typed:?}");
        }
    }
}
