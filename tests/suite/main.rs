//! The suites that need the whole workspace, in one binary so that it links once.

mod e2e;
mod tidy;
