//! What must hold between a dialogue and its connection, whatever the door and whatever carries it.

use super::*;
use crate::config::Config;
use crate::net::PeerAddress;
use crate::server::Server;
use std::sync::Weak;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes, unless it is wrong.
const SOON: Duration = Duration::from_secs(5);

/// Answers lines: `wait` waits for others, `soon` for itself, `large` takes so many bytes more, `reply` is
/// answered with so many, `close` closes; all else comes back.
struct Toy {
    session: Session,
    waits: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

enum Pending {
    Others(oneshot::Receiver<()>),
    Soon,
}

impl Dialogue for Toy {
    type Pending = Pending;

    const GOODBYE: &'static [u8] = b"goodbye\n";

    fn session(&self) -> &Session {
        &self.session
    }

    fn into_session(self) -> Session {
        self.session
    }

    fn answer(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop<Pending>) {
        let mut used = 0;
        loop {
            let rest = &data[used..];
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                return (used, Stop::Dry { needed: rest.len() + 1 });
            };
            let line = std::str::from_utf8(&rest[..end]).unwrap();
            let number = || line.split_once(' ').map_or(0, |(_, number)| number.parse().unwrap());
            let mut length = end + 1;
            match line.split(' ').next().unwrap() {
                "wait" => {
                    let (done, wait) = oneshot::channel();
                    self.waits.send(done).unwrap();
                    return (used + length, Stop::Pending(Pending::Others(wait)));
                }
                "soon" => return (used + length, Stop::Pending(Pending::Soon)),
                "close" => return (data.len(), Stop::Close),
                "reply" => out.resize(out.len() + number(), b'x'),
                "large" => {
                    length += number();
                    if rest.len() < length {
                        return (used, Stop::Dry { needed: length });
                    }
                    out.extend_from_slice(b"taken\n");
                }
                _ => out.extend_from_slice(&rest[..length]),
            }
            used += length;
        }
    }

    fn waits_for_others(pending: &Pending) -> bool {
        matches!(pending, Pending::Others(_))
    }

    async fn finish(&mut self, pending: Pending, out: &mut Vec<u8>) {
        match pending {
            Pending::Others(wait) => {
                let _ = wait.await;
            }
            Pending::Soon => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        out.extend_from_slice(b"done\n");
    }

    fn answer_unfinished(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        if !rest.is_empty() {
            out.extend_from_slice(b"unfinished\n");
        }
    }

    async fn reset(_: &Core, _: &Outbox) -> bool {
        false
    }
}

/// A client, and what is known of its connection's other end.
struct Client<S> {
    stream: S,
    /// Weak, as it keeps the socket open.
    outbox: Weak<Outbox>,
    waits: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _server: Server,
}

type Told = (oneshot::Receiver<Weak<Outbox>>, mpsc::UnboundedReceiver<oneshot::Sender<()>>);

fn toy() -> (impl FnOnce(Session) -> Toy + Send, Told) {
    let (tell_outbox, outbox) = oneshot::channel();
    let (waits, told_waits) = mpsc::unbounded_channel();
    let make = |session: Session| {
        let _ = tell_outbox.send(Arc::downgrade(session.outbox().unwrap()));
        Toy { session, waits }
    };
    (make, (outbox, told_waits))
}

async fn server() -> Server {
    Server::bind(Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() }).await.unwrap()
}

fn peer() -> Peer {
    Peer { address: PeerAddress::Unix, local: None, tls: false, may_sudo: true }
}

async fn plain() -> Client<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    let (server, (make, (outbox, waits))) = (server().await, toy());
    let serving = tokio::spawn(serve(server.core().clone(), Stream::Tcp(served), Vec::new(), peer(), make));
    Client { stream, outbox: outbox.await.unwrap(), waits, serving, _server: server }
}

/// As over TLS, with nothing encrypted.
async fn encrypted() -> Client<DuplexStream> {
    let (stream, served) = duplex(64 * 1024);
    let (server, (make, (outbox, waits))) = (server().await, toy());
    let serving = tokio::spawn(encrypted::serve(server.core().clone(), served, Vec::new(), peer(), make));
    Client { stream, outbox: outbox.await.unwrap(), waits, serving, _server: server }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn says(&mut self, text: &str) {
        timeout(SOON, self.stream.write_all(text.as_bytes())).await.unwrap().unwrap();
    }

    async fn hears(&mut self, expected: &str) {
        let mut heard = vec![0; expected.len()];
        timeout(SOON, self.stream.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), expected);
    }

    async fn hears_last(&mut self, expected: &str) {
        let mut heard = Vec::new();
        timeout(SOON, self.stream.read_to_end(&mut heard)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), expected);
    }

    fn outbox(&self) -> Arc<Outbox> {
        self.outbox.upgrade().unwrap()
    }

    /// What ends the wait that has begun, once it has.
    async fn waits(&mut self) -> oneshot::Sender<()> {
        timeout(SOON, self.waits.recv()).await.unwrap().unwrap()
    }
}

/// That a wait was given up, and the connection with it.
async fn is_given_up(mut wait: oneshot::Sender<()>, serving: JoinHandle<()>) {
    timeout(SOON, wait.closed()).await.expect("the wait goes on");
    timeout(SOON, serving).await.expect("the connection goes on").unwrap();
}

async fn a_wait_is_answered_before_what_was_sent_after_it(
    mut client: Client<impl AsyncRead + AsyncWrite + Unpin>,
) {
    client.says("a\nwait\nb\n").await;
    client.hears("a\n").await;
    let wait = client.waits().await;
    client.says("c\n").await;
    client.outbox().commit(b"a push\n");
    client.hears("a push\n").await;
    wait.send(()).unwrap();
    client.hears("done\nb\nc\n").await;
}

#[tokio::test]
async fn a_client_that_waits_is_pushed_to_and_then_answered_in_order() {
    a_wait_is_answered_before_what_was_sent_after_it(plain().await).await;
    a_wait_is_answered_before_what_was_sent_after_it(encrypted().await).await;
}

async fn a_wait_ends_with_its_client(mut client: Client<impl AsyncRead + AsyncWrite + Unpin>) {
    client.says("wait\nb\n").await;
    let wait = client.waits().await;
    drop(client.stream);
    is_given_up(wait, client.serving).await;
}

#[tokio::test]
async fn a_wait_ends_when_its_client_goes() {
    a_wait_ends_with_its_client(plain().await).await;
    a_wait_ends_with_its_client(encrypted().await).await;
}

async fn a_kick_ends_a_wait(mut client: Client<impl AsyncRead + AsyncWrite + Unpin>) {
    client.says("wait\n").await;
    let wait = client.waits().await;
    client.outbox().kick();
    client.hears_last("goodbye\n").await;
    is_given_up(wait, client.serving).await;
}

#[tokio::test]
async fn a_client_that_waits_can_be_disconnected() {
    a_kick_ends_a_wait(plain().await).await;
    a_kick_ends_a_wait(encrypted().await).await;
}

#[tokio::test]
async fn a_client_that_waits_is_read_from_no_further_than_some_kilobytes_and_found_broken_still() {
    let mut client = plain().await;
    client.says("wait\n").await;
    let wait = client.waits().await;
    let flood = vec![b'x'; 64 << 20];
    timeout(Duration::from_millis(500), client.stream.write_all(&flood))
        .await
        .expect_err("all of it was read");
    // With bytes of the server unread, closing resets the connection.
    client.outbox().commit(b"a push\n");
    client.stream.readable().await.unwrap();
    drop(client.stream);
    is_given_up(wait, client.serving).await;
}

async fn what_is_done_soon_is_done(mut client: Client<impl AsyncRead + AsyncWrite + Unpin>) {
    client.says("soon\nb\nc").await;
    client.stream.shutdown().await.unwrap();
    client.hears_last("done\nb\nunfinished\n").await;
}

#[tokio::test]
async fn what_is_done_soon_is_done_for_a_client_that_has_ended_its_side() {
    what_is_done_soon_is_done(plain().await).await;
    what_is_done_soon_is_done(encrypted().await).await;
}

async fn a_close_comes_after_the_answers(mut client: Client<impl AsyncRead + AsyncWrite + Unpin>) {
    const REPLY: usize = 8 << 20;
    // What stands after the close is read by nobody, which must not cost the client its answers.
    client.says(&format!("reply {REPLY}\nclose\n{}", "x".repeat(32 * 1024))).await;
    let mut heard = Vec::new();
    timeout(SOON, client.stream.read_to_end(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard.len(), REPLY);
    drop(client.stream);
    timeout(SOON, client.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_is_closed_after_all_answers_arrived() {
    a_close_comes_after_the_answers(plain().await).await;
    a_close_comes_after_the_answers(encrypted().await).await;
}

async fn a_large_command_is_taken(mut client: Client<impl AsyncRead + AsyncWrite + Unpin>) {
    const LARGE: usize = 32 << 20;
    for _ in 0..2 {
        client.says(&format!("a\nlarge {LARGE}\n")).await;
        client.hears("a\n").await;
        client.says(&"x".repeat(LARGE)).await;
        client.says("b\n").await;
        client.hears("taken\nb\n").await;
    }
}

#[tokio::test]
async fn a_large_command_is_taken_once_it_is_whole() {
    a_large_command_is_taken(plain().await).await;
    a_large_command_is_taken(encrypted().await).await;
}

#[tokio::test]
async fn an_idle_connection_holds_little() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    let (server, (make, _told)) = (server().await, toy());
    let serving = plain::serve(server.core().clone(), served, Vec::new(), peer(), make);
    // A hundred thousand may be open. What is waited for in seldom cases belongs in boxes.
    assert!(size_of_val(&serving) <= 1152, "{} bytes", size_of_val(&serving));
}
