//! The logic over a real store, in states that are hard to reach from outside.
