//! The body of an answer to who waits: nothing until something happens. It ends with the client, as its
//! connection drops it, and with the server.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::unfold;
use hyrax_recipes::tree::{TreeEvent, Watcher};
use tokio_util::sync::CancellationToken;

use super::json;

/// One event, or with `stream` all that come.
pub(super) fn body(watcher: Watcher, stream: bool, closing: CancellationToken) -> Body {
    Body::from_stream(unfold(Some(watcher), move |watcher| {
        let closing = closing.clone();
        async move {
            let mut watcher = watcher?;
            let event = tokio::select! {
                event = watcher.next() => event?,
                () = closing.cancelled() => return None,
            };
            let line = line_of(&event);
            Some((Ok::<_, Infallible>(line), stream.then_some(watcher)))
        }
    }))
}

/// What all who are told of an event read.
fn line_of(event: &TreeEvent) -> Bytes {
    event.form.get_or_init(|| json::event(event).into()).clone()
}
