//! The room that `hyrax demo` plays: the people in it, what a watcher knows of it, and the screen.
//!
//! People and watcher are ordinary clients over TCP. The watcher knows nothing but what it was
//! answered and pushed.

mod people;
mod room;
pub mod screen;

pub use people::People;
pub use room::Room;
