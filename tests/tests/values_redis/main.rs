//! Live values over real Redis.

mod cluster;
mod conformance;
mod nodes;

// The documents' examples, with clients and observers on different nodes.
#[path = "../line_door/ekg_document.rs"]
mod ekg_document;
#[path = "../line_door/hyrax_document.rs"]
mod hyrax_document;
#[path = "../line_door/secrets.rs"]
mod secrets;
mod stage;
