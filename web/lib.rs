//! Madang's page, as files in the binary: built by `build.rs`, served by whoever asks for them here.

/// One file of the page, as it goes over the wire.
#[derive(Debug)]
pub struct File {
    /// The content as it is.
    pub bytes: &'static [u8],
    /// The content compressed with gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// For the header `Content-Type`.
    pub content_type: &'static str,
    /// For the header `ETag`, with its quotes; another content has another one.
    pub etag: &'static str,
    /// Whether the name changes with the content, so that a browser may keep the file for ever.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at a path without its leading slash, for example `assets/index.js`; `None` when the page has none there.
///
/// Paths inside the application, such as `r/01ABC`, are no files: they are answered with `index.html`.
pub fn file(path: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    FILES.get(at).map(|(_, file)| file)
}

/// Every file with its path, in the order of their paths.
pub fn files() -> impl Iterator<Item = (&'static str, &'static File)> {
    FILES.iter().map(|(name, file)| (*name, file))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_page_is_there() {
        let index = file("index.html").unwrap();
        assert_eq!(index.content_type, "text/html; charset=utf-8");
        assert!(!index.immutable, "its name stays when it changes");
        assert!(index.bytes.starts_with(b"<!doctype html>"));
    }

    #[test]
    fn everything_the_page_names_is_there() {
        let index = std::str::from_utf8(file("index.html").unwrap().bytes).unwrap();
        let named: Vec<&str> = index
            .split('"')
            .filter_map(|part| part.strip_prefix('/'))
            .collect();
        assert!(named.len() >= 3, "{named:?}");
        for path in named {
            assert!(file(path).is_some(), "{path}");
        }
    }

    #[test]
    fn nothing_else_is_there() {
        for path in ["", "/index.html", "../Cargo.toml", "r/01ABC", "assets", "assets/"] {
            assert!(file(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_page_keeps_a_strict_policy() {
        let index = std::str::from_utf8(file("index.html").unwrap().bytes).unwrap();
        assert!(!index.contains("<style"), "no inline style");
        assert!(!index.contains(" style="), "no inline style");
        for script in index.split("<script").skip(1) {
            let (start, rest) = script.split_once('>').unwrap();
            assert!(start.contains("src="), "no inline script");
            assert!(rest.starts_with("</script>"), "no inline script");
        }
    }

    #[test]
    fn hashed_names_may_be_kept_and_others_not() {
        for (name, file) in files() {
            assert_eq!(file.immutable, name.starts_with("assets/"), "{name}");
        }
    }

    #[test]
    fn compressed_content_is_the_content_and_smaller() {
        let mut seen = 0;
        for (name, file) in files() {
            let Some(gzip) = file.gzip else { continue };
            let mut content = Vec::new();
            flate2::read::GzDecoder::new(gzip)
                .read_to_end(&mut content)
                .unwrap();
            assert!(content == file.bytes, "{name}");
            assert!(gzip.len() < file.bytes.len(), "{name}");
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn each_content_has_its_own_etag() {
        let contents: HashSet<&[u8]> = files().map(|(_, file)| file.bytes).collect();
        let etags: HashSet<&str> = files().map(|(_, file)| file.etag).collect();
        assert_eq!(contents.len(), etags.len());
        assert!(
            etags
                .iter()
                .all(|etag| etag.starts_with('"') && etag.ends_with('"'))
        );
    }

    #[test]
    fn every_type_is_known() {
        for (name, file) in files() {
            assert_ne!(file.content_type, "application/octet-stream", "{name}");
        }
    }
}
