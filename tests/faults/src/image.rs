//! The disks that a loss of power could have left at a moment of a recording.
//!
//! The model: what a sync covered that had completed is there. Of what was written later, each 4 KiB page is there as
//! it was after some number of its writes, perhaps none. The size of a file is what some of the later changes made of
//! it. Creations, renames and removals are ordered and there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::recording::{Operation, Recording, Sync};

const PAGE_BYTES: usize = 4096;

/// The shares of later pages that an image may have, in percent.
pub const SHARES: [u64; 4] = [0, 30, 70, 100];

/// Which syncs the disk keeps its word about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// `fsync` and `fdatasync`.
    Syncs,
    /// `fsync` only: as if the store had never called `fdatasync` itself.
    OnlyFullSyncs,
    /// None: a disk that lies.
    Nothing,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Range<usize> },
    Truncate(usize),
    Extend(usize),
}

/// A file: what is durable, and what happened to it since, with the place of each change in the recording.
#[derive(Debug, Default)]
struct FileModel {
    durable: Vec<u8>,
    pending: Vec<(usize, Change)>,
}

/// The disk at a moment of a recording, moving forward.
#[derive(Debug)]
pub struct Disk<'a> {
    recording: &'a Recording,
    trust: Trust,
    next: usize,
    files: Vec<FileModel>,
    paths: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    /// Syncs that began: the file, and where in the recording.
    syncs: HashMap<u64, (usize, usize)>,
    journal: Vec<u8>,
}

impl<'a> Disk<'a> {
    /// An empty disk before the recording.
    pub fn new(recording: &'a Recording, trust: Trust) -> Self {
        Self {
            recording,
            trust,
            next: 0,
            files: Vec::new(),
            paths: BTreeMap::new(),
            folders: BTreeSet::new(),
            syncs: HashMap::new(),
            journal: Vec::new(),
        }
    }

    /// Moves to right before the operation with this index. Never goes back.
    pub fn advance_to(&mut self, cut: usize) {
        assert!(self.next <= cut, "cuts must be sorted");
        while self.next < cut.min(self.recording.operations.len()) {
            self.apply(self.next);
            self.next += 1;
        }
    }

    /// The journal's lines so far.
    pub fn journal(&self) -> &[u8] {
        &self.journal
    }

    /// Writes an image into a folder that does not exist yet, with this share of the pages that no sync covers.
    pub fn write_image(&self, folder: &Path, share: u64, dice: &mut Dice) {
        fs::create_dir_all(folder).expect("a folder can be made");
        for sub in &self.folders {
            fs::create_dir_all(folder.join(sub)).expect("a folder can be made");
        }
        for (path, file) in &self.paths {
            let content = self.files[*file].image(&self.recording.bytes, share, dice);
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
            fs::write(path, content).expect("a file can be written");
        }
    }

    fn apply(&mut self, index: usize) {
        let recording = self.recording;
        match &recording.operations[index] {
            Operation::Write { path, offset, data } => {
                let change = Change::Write {
                    offset: small(*offset),
                    data: data.clone(),
                };
                self.change(path, index, change);
            }
            Operation::Truncate { path, size } => self.change(path, index, Change::Truncate(small(*size))),
            Operation::Extend { path, size } => self.change(path, index, Change::Extend(small(*size))),
            Operation::Open {
                path,
                created,
                truncated,
            } => {
                if *created {
                    self.create(path);
                }
                if *truncated {
                    self.change(path, index, Change::Truncate(0));
                }
            }
            Operation::SyncStart { path, number, sync } => self.sync_start(path, *number, *sync, index),
            Operation::SyncEnd { number, succeeded } => self.sync_end(*number, *succeeded),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Unlink { path } => {
                self.paths.remove(path);
            }
            Operation::MakeFolder { path } => {
                self.folders.insert(path.clone());
            }
            Operation::RemoveFolder { path } => {
                self.folders.remove(path);
            }
            Operation::Journal { data } => self.journal.extend_from_slice(&recording.bytes[data.clone()]),
        }
    }

    fn create(&mut self, path: &Path) -> usize {
        self.files.push(FileModel::default());
        self.paths.insert(path.to_owned(), self.files.len() - 1);
        self.files.len() - 1
    }

    fn change(&mut self, path: &Path, index: usize, change: Change) {
        let file = *self
            .paths
            .get(path)
            .unwrap_or_else(|| panic!("{path:?} was written and never created"));
        self.files[file].pending.push((index, change));
    }

    fn sync_start(&mut self, path: &Path, number: u64, sync: Sync, index: usize) {
        let counts = match (self.trust, sync) {
            (Trust::Nothing, _) | (Trust::OnlyFullSyncs, Sync::Data) | (_, Sync::Range | Sync::Map) => false,
            (Trust::Syncs | Trust::OnlyFullSyncs, _) => true,
        };
        // A folder's sync has no file here: names are taken as durable anyway.
        if let (true, Some(file)) = (counts, self.paths.get(path)) {
            self.syncs.insert(number, (*file, index));
        }
    }

    fn sync_end(&mut self, number: u64, succeeded: bool) {
        if let Some((file, start)) = self.syncs.remove(&number)
            && succeeded
        {
            self.files[file].settle(start, &self.recording.bytes);
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if let Some(file) = self.paths.remove(from) {
            self.paths.insert(to.to_owned(), file);
            return;
        }
        let moved = |path: &PathBuf| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        self.paths = std::mem::take(&mut self.paths)
            .into_iter()
            .map(|(path, file)| (moved(&path).unwrap_or(path), file))
            .collect();
        self.folders = std::mem::take(&mut self.folders)
            .into_iter()
            .map(|path| moved(&path).unwrap_or(path))
            .collect();
    }
}

impl FileModel {
    /// Makes everything durable that happened before `start`.
    fn settle(&mut self, start: usize, bytes: &[u8]) {
        let later = self.pending.partition_point(|(index, _)| *index < start);
        for (_, change) in self.pending.drain(..later) {
            match change {
                Change::Write { offset, data } => {
                    let end = offset + data.len();
                    if self.durable.len() < end {
                        self.durable.resize(end, 0);
                    }
                    self.durable[offset..end].copy_from_slice(&bytes[data]);
                }
                Change::Truncate(size) => self.durable.resize(size, 0),
                Change::Extend(size) => self.durable.resize(self.durable.len().max(size), 0),
            }
        }
    }

    /// The file as a loss of power could have left it.
    fn image(&self, bytes: &[u8], share: u64, dice: &mut Dice) -> Vec<u8> {
        let sized = match share {
            0 => 0,
            100 => self.pending.len(),
            _ => dice.index(self.pending.len() + 1),
        };
        let size = self.pending[..sized]
            .iter()
            .fold(self.durable.len(), |size, (_, change)| match change {
                Change::Write { offset, data } => size.max(offset + data.len()),
                Change::Truncate(to) => *to,
                Change::Extend(to) => size.max(*to),
            });
        let mut content = self.durable.clone();
        content.resize(self.longest(), 0);
        let writes = self.writes_by_page();
        let cut = self.pending[..sized]
            .iter()
            .any(|(_, change)| matches!(change, Change::Truncate(_)));
        let pages: Vec<usize> = if cut {
            (0..content.len().div_ceil(PAGE_BYTES)).collect()
        } else {
            writes.keys().copied().collect()
        };
        for page in pages {
            let count = writes
                .get(&page)
                .map_or(0, |writes| settled_writes(writes.len(), share, dice));
            self.apply_to_page(&mut content, page, count, sized, bytes);
        }
        content.resize(size, 0);
        content
    }

    fn longest(&self) -> usize {
        self.pending
            .iter()
            .fold(self.durable.len(), |longest, (_, change)| match change {
                Change::Write { offset, data } => longest.max(offset + data.len()),
                Change::Truncate(_) | Change::Extend(_) => longest,
            })
    }

    fn writes_by_page(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut writes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, (_, change)) in self.pending.iter().enumerate() {
            if let Change::Write { offset, data } = change
                && !data.is_empty()
            {
                for page in offset / PAGE_BYTES..=(offset + data.len() - 1) / PAGE_BYTES {
                    writes.entry(page).or_default().push(place);
                }
            }
        }
        writes
    }

    /// Applies the first `count` writes of a page, and between them the cuts that count towards the size.
    fn apply_to_page(&self, content: &mut [u8], page: usize, count: usize, sized: usize, bytes: &[u8]) {
        let (start, end) = (page * PAGE_BYTES, content.len().min((page + 1) * PAGE_BYTES));
        let mut left = count;
        for (place, (_, change)) in self.pending.iter().enumerate() {
            match change {
                Change::Write { offset, data } => {
                    let (from, to) = ((*offset).max(start), (offset + data.len()).min(end));
                    if from < to && left > 0 {
                        left -= 1;
                        let first = data.start + (from - offset);
                        content[from..to].copy_from_slice(&bytes[first..first + (to - from)]);
                    }
                }
                Change::Truncate(size) if place < sized => content[(*size).clamp(start, end)..end].fill(0),
                Change::Truncate(_) | Change::Extend(_) => {}
            }
        }
    }
}

/// How many of a page's writes reached the disk: all of them for `share` percent of the pages, else fewer, mostly none.
fn settled_writes(writes: usize, share: u64, dice: &mut Dice) -> usize {
    if dice.percent(share) {
        writes
    } else if share == 0 || dice.percent(60) {
        0
    } else {
        dice.index(writes)
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("an offset of a small file")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight pages' worth of bytes to write from: page `i` is full of `i + 1`.
    fn recording(operations: Vec<Operation>) -> Recording {
        let bytes = (0..8 * PAGE_BYTES)
            .map(|at| u8::try_from(at / PAGE_BYTES + 1).expect("small"))
            .collect();
        Recording { bytes, operations }
    }

    fn created() -> Operation {
        Operation::Open {
            path: "f".into(),
            created: true,
            truncated: false,
        }
    }

    fn write(offset: u64, page: usize) -> Operation {
        Operation::Write {
            path: "f".into(),
            offset,
            data: page * PAGE_BYTES..(page + 1) * PAGE_BYTES,
        }
    }

    fn start(number: u64, sync: Sync) -> Operation {
        Operation::SyncStart {
            path: "f".into(),
            number,
            sync,
        }
    }

    fn end(number: u64) -> Operation {
        Operation::SyncEnd {
            number,
            succeeded: true,
        }
    }

    fn image(recording: &Recording, trust: Trust, cut: usize, share: u64) -> Vec<u8> {
        let mut disk = Disk::new(recording, trust);
        disk.advance_to(cut);
        disk.files[disk.paths[Path::new("f")]].image(&recording.bytes, share, &mut Dice::new(1))
    }

    #[test]
    fn a_sync_covers_what_ended_before_it_began_and_only_once_it_ended() {
        let recording = recording(vec![
            created(),
            write(0, 0),
            start(1, Sync::Data),
            write(4096, 1),
            end(1),
            start(2, Sync::Range),
            end(2),
        ]);
        assert_eq!(image(&recording, Trust::Syncs, 4, 0).len(), 0);
        assert_eq!(image(&recording, Trust::Syncs, 7, 0), vec![1; 4096]);
        assert_eq!(
            image(&recording, Trust::Syncs, 7, 100),
            [vec![1; 4096], vec![2; 4096]].concat()
        );
        assert_eq!(image(&recording, Trust::OnlyFullSyncs, 7, 0).len(), 0);
        assert_eq!(image(&recording, Trust::Nothing, 7, 0).len(), 0);
    }

    #[test]
    fn a_cut_that_happened_leaves_no_old_bytes_behind_it() {
        let recording = recording(vec![
            created(),
            write(0, 0),
            write(4096, 1),
            start(1, Sync::All),
            end(1),
            Operation::Truncate {
                path: "f".into(),
                size: 100,
            },
            write(8192, 2),
        ]);
        let expected = [vec![1; 100], vec![0; 8092], vec![3; 4096]].concat();
        assert_eq!(image(&recording, Trust::Syncs, 7, 100), expected);
        assert_eq!(
            image(&recording, Trust::Syncs, 7, 0),
            [vec![1; 4096], vec![2; 4096]].concat()
        );
    }

    #[test]
    fn partial_images_mix_old_and_new_pages() {
        let mut operations = vec![created()];
        operations.extend((0..8).map(|page| write(page as u64 * 4096, page)));
        operations.extend([start(1, Sync::All), end(1)]);
        operations.extend((0..8).map(|page| write(page as u64 * 4096, 7 - page)));
        let recording = recording(operations);
        let content = image(&recording, Trust::Syncs, 100, 30);
        let new = content
            .chunks(PAGE_BYTES)
            .enumerate()
            .filter(|(page, bytes)| usize::from(bytes[0]) != page + 1);
        assert!((1..8).contains(&new.count()));
    }
}
