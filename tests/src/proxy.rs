//! A relay in front of a server, that cuts connections and swallows what goes through.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often a relay that holds something back looks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Listens on a free loopback port and relays each connection to a server, until dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    /// What comes from clients stays here.
    holds_requests: AtomicBool,
    /// What comes from the server stays here.
    holds_answers: AtomicBool,
    refuses: AtomicBool,
    ended: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Relays to `server`, which need not be there yet.
    pub fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port must be free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            server,
            holds_requests: AtomicBool::new(false),
            holds_answers: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let relaying = shared.clone();
        thread::spawn(move || relaying.accept(&listener));
        Proxy { address, shared }
    }

    /// Where its clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections there are. New ones are relayed.
    pub fn cut(&self) {
        for stream in self.shared.streams.lock().expect("no relay panics").drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether connections are closed as soon as they come, and those there are.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
        if refuses {
            self.cut();
        }
    }

    /// Whether everything is swallowed: connections stay open and nobody hears anything. What was swallowed is relayed
    /// when this ends.
    pub fn hold(&self, holds: bool) {
        self.shared.holds_requests.store(holds, Ordering::SeqCst);
        self.hold_answers(holds);
    }

    /// The same for what comes from the server alone: it does what it is asked, and nobody hears of it.
    pub fn hold_answers(&self, holds: bool) {
        self.shared.holds_answers.store(holds, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // The listener's thread waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            if self.refuses.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(server) = TcpStream::connect(self.server) else { continue };
            let shared = |stream: &TcpStream| stream.try_clone().expect("an open socket can be shared");
            let (to_client, to_server) = (shared(&client), shared(&server));
            self.streams.lock().expect("no relay panics").extend([shared(&client), shared(&server)]);
            let this = self.clone();
            thread::spawn(move || this.relay(client, to_server, |shared| &shared.holds_requests));
            let this = self.clone();
            thread::spawn(move || this.relay(server, to_client, |shared| &shared.holds_answers));
        }
    }

    fn relay(&self, mut from: TcpStream, mut to: TcpStream, holds: fn(&Shared) -> &AtomicBool) {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            while holds(self).load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst) {
                thread::sleep(LOOK_EVERY);
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        // Either may be closed already.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
