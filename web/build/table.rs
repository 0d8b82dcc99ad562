//! Writes a folder's files as a table in Rust.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// Files that are compressed already; gzip would only add to them.
const PACKED: [&str; 4] = ["woff2", "png", "webp", "avif"];

/// Writes `files.rs` into `out`, sorted by path, with what is served compressed beside it.
pub(crate) fn write(dist: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    if !dist.join("index.html").is_file() {
        return Err(format!(
            "there is no index.html in {}: this is not a built page",
            dist.display()
        )
        .into());
    }
    let mut paths = Vec::new();
    collect(dist, &mut paths)?;
    let mut named: Vec<(String, PathBuf)> = paths
        .into_iter()
        .map(|path| (name_of(dist, &path), path))
        .collect();
    named.sort();

    let packed = out.join("packed");
    fs::create_dir_all(&packed)?;
    let mut table = String::from("static FILES: &[(&str, File)] = &[\n");
    for (number, (name, path)) in named.iter().enumerate() {
        let bytes = fs::read(path)?;
        let gzip = match smaller(name, &bytes)? {
            Some(small) => {
                let file = packed.join(number.to_string());
                fs::write(&file, small)?;
                format!("Some(include_bytes!({file:?}))")
            }
            None => "None".to_owned(),
        };
        writeln!(
            table,
            "    ({name:?}, File {{ bytes: include_bytes!({path:?}), gzip: {gzip}, content_type: {:?}, etag: {:?}, immutable: {} }}),",
            content_type(name),
            etag(&bytes),
            name.starts_with("assets/"),
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// The path from the page's root, with `/` between its parts.
fn name_of(dist: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(dist).unwrap_or(path);
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn content_type(name: &str) -> &'static str {
    match ending(name) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A strong validator, in the quotes that the header wants.
fn etag(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in Sha256::digest(bytes).iter().take(12) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

/// The bytes compressed, where that saves something.
fn smaller(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, std::io::Error> {
    if PACKED.contains(&ending(name)) {
        return Ok(None);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    let small = encoder.finish()?;
    Ok((small.len() < bytes.len()).then_some(small))
}
