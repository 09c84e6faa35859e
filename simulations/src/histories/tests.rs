//! Histories on every change, and those that once failed.
