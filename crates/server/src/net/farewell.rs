//! The last word to a client.

use std::pin::Pin;

use hyrax_types::limits::FAREWELL_MAX;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::connection::read_some;

/// Writes `message` and closes the connection, in such a way that the message arrives: a socket closed
/// while it holds unread bytes resets the connection, and the client's system then throws away what
/// the client has not read. So what still comes is read, for a while, and forgotten.
pub(crate) async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin, message: &[u8]) {
    let say_and_wait = async {
        if stream.write_all(message).await.is_err() || stream.shutdown().await.is_err() {
            return;
        }
        let mut forgotten = Vec::new();
        while let Ok(1..) = read_some(Pin::new(&mut stream), &mut forgotten).await {
            forgotten.clear();
        }
    };
    // Whether the client has read it or not: after this long it is of no more use.
    let _ = timeout(FAREWELL_MAX, say_and_wait).await;
}
