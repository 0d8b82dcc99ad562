//! What the machine and its kernel say: time, processor, memory, disk, limits.

pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod disk;
pub(crate) mod limits;
pub(crate) mod memory;
