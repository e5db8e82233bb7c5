//! The line door of a running `hyrax`, over TCP, WebSocket and POST.

mod auth;
mod bad_input;
mod concurrency;
mod ekg_document;
mod ekgs;
mod elections;
mod groups;
mod hyrax_document;
mod locks;
mod lost_clients;
mod messages;
mod monitors;
mod origins;
mod post;
mod protection;
mod pushes;
mod secrets;
mod slow_clients;
mod stage;
mod waiting;
