use super::{Batch, Engine, EngineKind, EngineOptions, Pair};
use crate::error::Result;
use std::path::Path;
pub(super) struct SledEngine;
impl SledEngine {
    pub(super) fn open(_: &Path, _: &EngineOptions) -> Result<Self> {
        todo!()
    }
}
impl Engine for SledEngine {
    fn kind(&self) -> EngineKind {
        todo!()
    }
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        todo!()
    }
    fn range(&self, _: &[u8], _: &[u8], _: usize, _: bool) -> Result<Vec<Pair>> {
        todo!()
    }
    fn commit(&self, _: Batch) -> Result<()> {
        todo!()
    }
    fn file_bytes(&self) -> Result<u64> {
        todo!()
    }
    fn close(&self) -> Result<()> {
        todo!()
    }
}
