//! The line door of a running `hyrax`, over TCP, WebSocket and POST.

mod ekg_document;
mod hyrax_document;
mod secrets;
mod stage;
