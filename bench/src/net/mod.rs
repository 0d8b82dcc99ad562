//! The client's side of the wire. Written for this alone, and cheap: a load generator that works harder than the
//! server measures itself.

pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod crowd;
pub(crate) mod frame;
pub(crate) mod http;
