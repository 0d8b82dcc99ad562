//! What the recorder saw: compiling it, running under it, and reading its log.

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kinds of syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// `fsync`.
    All,
    /// `fdatasync`.
    Data,
    /// `sync_file_range`: no promise about a disk's own cache, so it counts as none.
    Range,
    /// `msync`.
    Map,
}

/// One operation, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were written at an offset. The range lies in the log.
    Write {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What, as a range of the log's bytes.
        data: Range<usize>,
    },
    /// A file got this size.
    Truncate {
        /// Which file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// A file has at least this size.
    Extend {
        /// Which file.
        path: PathBuf,
        /// Its least size.
        size: u64,
    },
    /// A file was created, or cut to nothing, by opening it.
    Open {
        /// Which file.
        path: PathBuf,
        /// Whether it did not exist before.
        created: bool,
        /// Whether it was cut to nothing.
        truncated: bool,
    },
    /// A sync began.
    SyncStart {
        /// Which file; empty for a mapping.
        path: PathBuf,
        /// The sync's number.
        number: u64,
        /// Its kind.
        sync: Sync,
    },
    /// A sync ended.
    SyncEnd {
        /// The sync's number.
        number: u64,
        /// Whether it succeeded.
        succeeded: bool,
    },
    /// A file or folder was renamed.
    Rename {
        /// Its old path.
        from: PathBuf,
        /// Its new path.
        to: PathBuf,
    },
    /// A file was removed.
    Unlink {
        /// Which file.
        path: PathBuf,
    },
    /// A folder was made.
    MakeFolder {
        /// Which folder.
        path: PathBuf,
    },
    /// A folder was removed.
    RemoveFolder {
        /// Which folder.
        path: PathBuf,
    },
    /// The journal got these lines.
    Journal {
        /// What, as a range of the log's bytes.
        data: Range<usize>,
    },
}

/// A log and its operations.
#[derive(Debug)]
pub struct Recording {
    /// The log's bytes, which operations point into.
    pub bytes: Vec<u8>,
    /// The operations, with paths relative to the recorded folder.
    pub operations: Vec<Operation>,
}

const HEADER_BYTES: usize = 32;

impl Recording {
    /// Reads a log. Panics on what the recorder complained about: such a recording proves nothing.
    pub fn read(log: &Path, root: &Path) -> Self {
        let bytes = fs::read(log).expect("the recorder wrote a log; is the child linked statically?");
        let mut operations = Vec::new();
        let mut at = 0;
        while let Some((operation, end)) = parse(&bytes, at, root) {
            operations.push(operation);
            at = end;
        }
        assert_eq!(at, bytes.len(), "the log ends with a torn record");
        Self { bytes, operations }
    }

    /// How many syncs of this kind began.
    pub fn syncs(&self, kind: Sync) -> usize {
        let is_kind =
            |operation: &&Operation| matches!(operation, Operation::SyncStart { sync, .. } if *sync == kind);
        self.operations.iter().filter(is_kind).count()
    }
}

/// One record and where it ends; `None` at the end or at a torn record.
fn parse(bytes: &[u8], at: usize, root: &Path) -> Option<(Operation, usize)> {
    let header = bytes.get(at..at + HEADER_BYTES)?;
    let small = |place: usize| {
        let word: [u8; 4] = header[place..place + 4].try_into().expect("4 bytes");
        usize::try_from(u32::from_le_bytes(word)).expect("a small number")
    };
    let large = |place: usize| u64::from_le_bytes(header[place..place + 8].try_into().expect("8 bytes"));
    let (kind, a, b) = (small(0), large(16), large(24));
    let path_start = at + HEADER_BYTES;
    let second_start = path_start + small(4);
    let data_start = second_start + small(8);
    let end = data_start + small(12);
    let data = data_start..end;
    bytes.get(at..end)?;
    let relative = |range: Range<usize>| {
        let text = std::str::from_utf8(&bytes[range]).expect("a path is text");
        let path = Path::new(text);
        path.strip_prefix(root).unwrap_or(path).to_owned()
    };
    let path = relative(path_start..second_start);
    let operation = match kind {
        1 => Operation::Write {
            path,
            offset: a,
            data,
        },
        2 => Operation::Truncate { path, size: a },
        3 => Operation::Extend { path, size: a },
        4 => Operation::Open {
            path,
            created: a != 0,
            truncated: b != 0,
        },
        5 => Operation::SyncStart {
            path,
            number: a,
            sync: sync_kind(b),
        },
        6 => Operation::SyncEnd {
            number: a,
            succeeded: b == 0,
        },
        7 => Operation::Rename {
            from: path,
            to: relative(second_start..data_start),
        },
        8 => Operation::Unlink { path },
        9 => Operation::MakeFolder { path },
        10 => Operation::RemoveFolder { path },
        11 => Operation::Journal { data },
        12 => panic!(
            "the recorder cannot record this: {}",
            String::from_utf8_lossy(&bytes[data])
        ),
        other => panic!("the log has an unknown kind of record: {other}"),
    };
    Some((operation, end))
}

fn sync_kind(number: u64) -> Sync {
    match number {
        1 => Sync::All,
        2 => Sync::Data,
        3 => Sync::Range,
        4 => Sync::Map,
        other => panic!("the log has an unknown kind of sync: {other}"),
    }
}

/// The compiled recorder.
#[derive(Debug)]
pub struct Recorder {
    shared_object: PathBuf,
    // Holds the shared object until nobody runs under it any more.
    _folder: tempfile::TempDir,
}

impl Recorder {
    /// Compiles the recorder with the system's C compiler, which these tests need.
    pub fn compile() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the recorder");
        let shared_object = folder.path().join("recorder.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorder.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
        let compiled = Command::new(&compiler)
            .args([
                "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o",
            ])
            .arg(&shared_object)
            .arg(&source)
            .output();
        match compiled {
            Ok(output) if output.status.success() => Self {
                shared_object,
                _folder: folder,
            },
            Ok(output) => panic!(
                "{source:?} does not compile: {}",
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => {
                panic!("the power-loss tests need a C compiler, and {compiler:?} does not run: {error}")
            }
        }
    }

    /// What a child's environment needs to be recorded. `root` must be canonical. After `kill_at` records the child
    /// kills itself between two operations.
    pub fn environment(
        &self,
        root: &Path,
        journal: &Path,
        log: &Path,
        kill_at: Option<u64>,
    ) -> Vec<(&'static str, OsString)> {
        let mut environment = vec![
            ("LD_PRELOAD", self.shared_object.clone().into_os_string()),
            ("RECORD_ROOT", root.as_os_str().to_owned()),
            ("RECORD_JOURNAL", journal.as_os_str().to_owned()),
            ("RECORD_LOG", log.as_os_str().to_owned()),
        ];
        if let Some(kill_at) = kill_at {
            environment.push(("RECORD_KILL_AT", OsString::from(kill_at.to_string())));
        }
        environment
    }
}
