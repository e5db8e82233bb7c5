//! A WebSocket that mostly writes, made light: tens of thousands of them are open, and most say nothing.
//!
//! A library reads, and knows what to answer to pings and farewells. What is written is written here: the library would
//! copy every message into a buffer of the socket's own, and keep that as large as the longest message, which has all
//! nodes of a service in it. Here all sockets write the same bytes.

use std::io;

use axum::body::Body;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use bytes::{Buf, Bytes};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyrax_types::limits::{DISCOVERY_FRAME_BYTES_MAX, DISCOVERY_SOCKET_BUFFER_BYTES};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A message that is not longer is copied, so that it leaves with its head in one write.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// A request that asks for a WebSocket.
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    accept: HeaderValue,
}

impl Handshake {
    /// The handshake that a request is, if it is one.
    pub(super) fn of(request: &mut Request<Body>) -> Option<Handshake> {
        let headers = request.headers();
        let asks = request.method() == Method::GET
            && request.version() == Version::HTTP_11
            && has_token(headers, header::CONNECTION, b"upgrade")
            && has_token(headers, header::UPGRADE, b"websocket")
            && has_token(headers, header::SEC_WEBSOCKET_VERSION, b"13");
        if !asks {
            return None;
        }
        let accept = derive_accept_key(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes());
        // Base64 is good in a header.
        let accept = HeaderValue::try_from(accept).ok()?;
        Some(Handshake { upgrade: request.extensions_mut().remove::<OnUpgrade>()?, accept })
    }

    /// The answer that opens the socket, which `serve` then serves. If it never opens, `serve` is dropped.
    pub(super) fn answer<F>(self, serve: impl FnOnce(Link) -> F + Send + 'static) -> Response<Body>
    where
        F: Future<Output = ()> + Send,
    {
        let Handshake { upgrade, accept } = self;
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                serve(Link::over(upgraded).await).await;
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        response
    }
}

/// Whether a header, which may come in parts, has this word among those that commas separate.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &[u8]) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut tokens = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    tokens.any(|found| found.trim_ascii().eq_ignore_ascii_case(token))
}

/// The socket, open.
pub(super) struct Link(WebSocketStream<TokioIo<Upgraded>>);

impl Link {
    async fn over(upgraded: Upgraded) -> Link {
        let config = WebSocketConfig::default()
            .read_buffer_size(DISCOVERY_SOCKET_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(DISCOVERY_FRAME_BYTES_MAX))
            .max_frame_size(Some(DISCOVERY_FRAME_BYTES_MAX));
        Link(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
    }

    /// The next message. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Option<Result<Message, Error>> {
        self.0.next().await
    }

    /// Writes a text message. Dropped in the middle, it leaves a part of a frame behind: the socket is of no more use.
    pub(super) async fn tell(&mut self, text: Bytes) -> io::Result<()> {
        // What the library has ready comes before, so that no frame is in another.
        self.0.flush().await.map_err(io::Error::other)?;
        let (head, length) = head_of(text.len());
        let (head, stream) = (&head[..length], self.0.get_mut());
        if text.len() <= COPIED_BYTES_MAX {
            stream.write_all(&[head, &text].concat()).await?;
        } else {
            stream.write_all_buf(&mut head.chain(text)).await?;
        }
        stream.flush().await
    }

    /// Asks whether somebody is there.
    pub(super) async fn ping(&mut self) -> io::Result<()> {
        self.0.send(Message::Ping(Bytes::new())).await.map_err(io::Error::other)
    }

    /// Says farewell, if the client has not, and reads until it has answered.
    pub(super) async fn close(&mut self, reason: Option<(CloseCode, &'static str)>) {
        if let Some((code, reason)) = reason {
            let frame = CloseFrame { code, reason: reason.into() };
            if self.0.close(Some(frame)).await.is_err() {
                return;
            }
        }
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

/// What stands before a text message of that length: the bytes, and how many of them.
fn head_of(length: usize) -> ([u8; 10], usize) {
    let mut head = [0; 10];
    // The only frame of a text; a server does not mask.
    head[0] = 0x81;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => {
            head[1] = length;
            (head, 2)
        }
        (_, Ok(length)) => {
            head[1] = 126;
            head[2..4].copy_from_slice(&length.to_be_bytes());
            (head, 4)
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (head, 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_the_shortest_form_of_a_length() {
        let check = |length, expected: &[u8]| {
            let (head, count) = head_of(length);
            assert_eq!(&head[..count], expected, "{length}");
        };
        check(0, &[0x81, 0]);
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(255, &[0x81, 126, 0, 255]);
        check(256, &[0x81, 126, 1, 0]);
        check(65_535, &[0x81, 126, 255, 255]);
        check(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn words_of_a_header_are_found_wherever_they_stand() {
        let headers = |values: &[&str]| {
            let values = values.iter().map(|value| (header::CONNECTION, value.parse().unwrap()));
            values.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
        };
        let check = |values: &[&str]| has_token(&headers(values), header::CONNECTION, b"upgrade");
        assert!(check(&["Upgrade"]) && check(&["keep-alive, UPGRADE"]) && check(&["close", "x,upgrade"]));
        assert!(!check(&[]) && !check(&["upgraded"]) && !check(&["up grade"]));
    }
}
