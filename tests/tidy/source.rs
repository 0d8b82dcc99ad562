//! The repository's files, and what in a Rust file is code.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file of the repository.
pub(crate) struct Source {
    /// From the root, with `/` between its parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that git knows or would add; every file outside build folders where there is no git.
pub(crate) fn sources() -> Vec<Source> {
    let paths = git_files().unwrap_or_else(|| {
        let mut paths = Vec::new();
        walk(&root(), &mut paths);
        paths
    });
    let read = |path: String| {
        std::fs::read_to_string(root().join(&path))
            .ok()
            .map(|text| Source { path, text })
    };
    let sources: Vec<Source> = paths.into_iter().filter_map(read).collect();
    assert!(
        sources.iter().any(|source| source.path == "src/lib.rs"),
        "the listing of files is broken"
    );
    sources
}

fn git_files() -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root());
    let output = git
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty())?;
    let list = String::from_utf8(output.stdout).ok()?;
    Some(list.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(folder: &Path, paths: &mut Vec<String>) {
    const BUILT: [&str; 4] = ["target", "node_modules", "dist", "data"];
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if !path.is_dir() {
            let parts = path
                .strip_prefix(root())
                .unwrap()
                .iter()
                .map(|part| part.to_str().unwrap());
            paths.push(parts.collect::<Vec<_>>().join("/"));
        } else if name != ".git" && !BUILT.contains(&name.as_str()) {
            walk(&path, paths);
        }
    }
}

/// A Rust text with the contents of comments, strings and characters blanked out; lines stay where they are.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_comment_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => string_end(&chars, at),
            '\'' => char_end(&chars, at),
            'r' => raw_string_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

fn line_comment_end(chars: &[char], start: usize) -> usize {
    chars[start..]
        .iter()
        .position(|c| *c == '\n')
        .map_or(chars.len(), |length| start + length)
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) if depth == 1 => return at + 2,
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A quote starts a character when one follows and is closed; else it starts a lifetime.
fn char_end(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), Some(_)) => {
            let closing = chars.iter().skip(start + 3).position(|c| *c == '\'');
            closing.map_or(chars.len(), |length| start + 3 + length + 1)
        }
        (Some(_), Some('\'')) => start + 3,
        _ => start,
    }
}

/// `r"..."` and `r##"..."##`; `None` when the `r` is only a letter.
fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let before: Vec<char> = chars[..start]
        .iter()
        .rev()
        .copied()
        .take_while(|c| is_name(*c))
        .collect();
    if !matches!(before.as_slice(), [] | ['b' | 'c']) {
        return None;
    }
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let mut at = open + 1;
    while at < chars.len() {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(chars.len())
}

#[test]
fn code_is_told_from_text() {
    let text = "a /* b /* c */ d */ e // f\nlet g = \"h \\\" i\"; 'j: loop { 'k' } '\\'' r#\"l \" m\"# br\"n\" \"o\np\" q";
    let names = |code: &str| {
        code.split(|c: char| !c.is_alphabetic())
            .filter(|word| word.len() == 1)
            .collect::<String>()
    };
    let code = code_only(text);
    assert_eq!(names(&code), "aegjbq", "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert_eq!(code.chars().count(), text.chars().count());
}

#[test]
fn both_listings_find_this_file() {
    let mut walked = Vec::new();
    walk(&root(), &mut walked);
    let this = "tests/tidy/source.rs";
    assert!(walked.iter().any(|path| path == this));
    assert!(git_files().is_none_or(|files| files.iter().any(|path| path == this)));
}
