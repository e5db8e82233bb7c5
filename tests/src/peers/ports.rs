//! Free loopback ports for servers that cannot pick one themselves.

use std::net::TcpListener;

/// How many times a server is started anew because another process took its port first.
const ATTEMPTS: usize = 10;

/// Starts a server on free ports, anew with others as long as `start` fails because one is taken.
///
/// `start` gets the ports and answers the server, or what the server said before it gave up.
pub fn on_free_ports<const COUNT: usize, S>(start: impl Fn([u16; COUNT]) -> Result<S, String>) -> S {
    for _ in 0..ATTEMPTS {
        // All are held until all are known, so that no two are the same.
        let held =
            [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a loopback port must be free"));
        let ports =
            held.each_ref().map(|one| one.local_addr().expect("a bound listener has an address").port());
        drop(held);
        match start(ports) {
            Ok(server) => return server,
            Err(said) if said.to_lowercase().contains("address already in use") => {}
            Err(said) => panic!("{said}"),
        }
    }
    panic!("no server started: {ATTEMPTS} times another process took its port");
}
