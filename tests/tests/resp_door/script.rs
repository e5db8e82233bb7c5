//! Scripts of several clients, played on Redis and on Hyrax, which have to answer the same bytes.
//!
//! A paragraph begins without keys. `a GET k` sends a command as client `a` and reads the reply; `a> BLPOP k 0`
//! sends one that waits, and goes on once it does; `a<` reads a reply that is owed; `a closes` ends a connection;
//! `pause 50` lets milliseconds pass. `<a>` in a command is that client's id.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

/// How long a command may take to begin to wait.
const WAITS_WITHIN: Duration = Duration::from_secs(60);

/// Plays every paragraph on both servers, in both versions of the protocol.
pub fn beside_redis(script: &str) {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    for resp3 in [false, true] {
        for paragraph in script.trim().split("\n\n") {
            let expected = Stage::new(redis.address(), resp3).play(paragraph);
            let answered = Stage::new(hyrax.address(), resp3).play(paragraph);
            for (expected, answered) in expected.iter().zip(&answered) {
                assert_eq!(answered, expected, "in RESP{}, of\n{paragraph}\n", if resp3 { 3 } else { 2 });
            }
        }
    }
}

/// Waits until there are as many clients as the test has, and those of the one before are gone: one that still
/// waited would take what is not its own.
pub fn until_alone(prompter: &mut RespClient, clients: usize) {
    let since = Instant::now();
    loop {
        let Resp::Bulk(list) = prompter.run(&words("CLIENT LIST")) else { panic!("no list of clients") };
        if list.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count() == clients {
            return;
        }
        assert!(since.elapsed() < WAITS_WITHIN, "clients that left are still there");
        sleep(Duration::from_millis(1));
    }
}

struct Stage {
    address: SocketAddr,
    resp3: bool,
    /// Looks on.
    prompter: RespClient,
    clients: BTreeMap<String, RespClient>,
    ids: BTreeMap<String, i64>,
}

impl Stage {
    fn new(address: SocketAddr, resp3: bool) -> Self {
        let mut prompter = RespClient::connect(address);
        until_alone(&mut prompter, 1);
        if let Resp::Array(keys) = prompter.run(&words("KEYS *")) {
            for key in keys {
                let Resp::Bulk(key) = key else { panic!("{key:?} is no key") };
                prompter.run(&[b"DEL".to_vec(), key]);
            }
        }
        Stage { address, resp3, prompter, clients: BTreeMap::new(), ids: BTreeMap::new() }
    }

    /// What was answered to each line.
    fn play(mut self, paragraph: &str) -> Vec<String> {
        paragraph.lines().map(|line| format!("{line}: {}", self.line(line))).collect()
    }

    fn line(&mut self, line: &str) -> String {
        let (name, command) = line.split_once(' ').unwrap_or((line, ""));
        if name == "pause" {
            sleep(Duration::from_millis(command.parse().expect("milliseconds")));
        } else if command == "closes" {
            let waiting = self.waiting();
            self.clients.remove(name);
            self.until("it is gone", |waiting_now| waiting_now < waiting || waiting == 0);
        } else if let Some(name) = name.strip_suffix('>') {
            let waiting = self.waiting();
            self.send(name, command);
            self.until("it waits", |waiting_now| waiting_now > waiting);
        } else if let Some(name) = name.strip_suffix('<') {
            return self.read(name, line);
        } else {
            self.send(name, command);
            return self.read(name, command);
        }
        String::new()
    }

    fn send(&mut self, name: &str, command: &str) {
        let mut command = command.to_owned();
        for (name, id) in &self.ids {
            command = command.replace(&format!("<{name}>"), &id.to_string());
        }
        let wire = format!("{}\r\n", command.replace("\\r\\n", "\r\n"));
        self.client(name).send_raw(wire.as_bytes()).expect("the server takes a command");
    }

    fn read(&mut self, name: &str, command: &str) -> String {
        let (_, bytes) = self.client(name).read_with_bytes(&words(command));
        bytes.escape_ascii().to_string()
    }

    fn client(&mut self, name: &str) -> &mut RespClient {
        if !self.clients.contains_key(name) {
            let client = RespClient::connect(self.address);
            let mut client = if self.resp3 { client.resp3() } else { client };
            let Resp::Integer(id) = client.run(&words("CLIENT ID")) else { panic!("a client has an id") };
            self.ids.insert(name.to_owned(), id);
            self.clients.insert(name.to_owned(), client);
        }
        self.clients.get_mut(name).expect("it has just been there")
    }

    /// How many clients wait.
    fn waiting(&mut self) -> usize {
        let Resp::Bulk(list) = self.prompter.run(&words("CLIENT LIST")) else { panic!("no list of clients") };
        let list = String::from_utf8(list).expect("text");
        let flags = list.split(' ').filter_map(|field| field.strip_prefix("flags="));
        flags.filter(|flags| flags.contains('b')).count()
    }

    fn until(&mut self, what: &str, holds: impl Fn(usize) -> bool) {
        let since = Instant::now();
        while !holds(self.waiting()) {
            assert!(since.elapsed() < WAITS_WITHIN, "{what}");
            sleep(Duration::from_millis(2));
        }
    }
}
