//! The binary `hyrax`.
fn main() {}
