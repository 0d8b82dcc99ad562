//! The document simulator.
