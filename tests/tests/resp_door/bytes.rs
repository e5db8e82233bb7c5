//! What is sent, byte for byte, and what both servers answer.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;

/// Generous, since a test machine may be busy; a hang ends here.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Sends these bytes on a new connection, ends its side, and gives all that is answered.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).expect("a timeout can be set");
    stream.write_all(bytes).expect("the server reads");
    stream.shutdown(Shutdown::Write).expect("one side can be ended");
    let mut answer = Vec::new();
    // A server that has closed already may reset the connection; what came before counts.
    let _ = stream.read_to_end(&mut answer);
    answer.escape_ascii().to_string().replace("\\r\\n", "\n")
}

/// Sends each of these on a connection of its own to both servers, which must answer the same bytes.
pub fn beside_redis<B: AsRef<[u8]>>(flags: &[&str], requests: impl IntoIterator<Item = B>) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(flags));
    for request in requests {
        let request = request.as_ref();
        let expected = exchange(redis.address(), request);
        let answered = exchange(hyrax.address(), request);
        assert_eq!(answered, expected, "to\n{}", request.escape_ascii());
    }
}
