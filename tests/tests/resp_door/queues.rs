//! Random commands of several clients, many of which wait: on Hyrax the same ones are served as on Redis, with the
//! same, in the same step.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyrax_tests::cases;
use hyrax_tests::differential::Random;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

use crate::script::until_alone;

const CLIENTS: usize = 7;

/// Steps before all begins anew.
const EPISODE: usize = 40;

/// How long a server may take for what is to happen at once.
const SOON: Duration = Duration::from_secs(60);

/// A server, and the clients' connections to it.
struct Side {
    prompter: RespClient,
    clients: Vec<RespClient>,
    ids: Vec<i64>,
    waits: Vec<bool>,
}

impl Side {
    fn new(address: SocketAddr) -> Self {
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| RespClient::connect(address)).collect();
        let mut id = |client: &mut RespClient| match client.run(&words("CLIENT ID")) {
            Resp::Integer(id) => id,
            other => panic!("{other:?} is no id"),
        };
        let ids = clients.iter_mut().map(&mut id).collect();
        let mut prompter = RespClient::connect(address);
        until_alone(&mut prompter, CLIENTS + 1);
        if let Resp::Array(keys) = prompter.run(&words("KEYS *")) {
            for key in keys {
                let Resp::Bulk(key) = key else { panic!("{key:?} is no key") };
                prompter.run(&[b"DEL".to_vec(), key]);
            }
        }
        Side { prompter, clients, ids, waits: vec![false; CLIENTS] }
    }

    /// Sends lines, each a command, and gives the replies; none for a last one that waits.
    fn run(&mut self, client: usize, lines: &[String]) -> String {
        let wire = lines.join("\r\n") + "\r\n";
        self.clients[client].send_raw(wire.as_bytes()).expect("the server takes commands");
        let since = Instant::now();
        let mut replies = String::new();
        for line in lines {
            while !self.clients[client].has_reply(Duration::from_millis(1)) {
                if self.waiting().contains(&client) {
                    self.waits[client] = true;
                    return replies + "waits";
                }
                assert!(since.elapsed() < SOON, "{line} is neither answered nor waits");
            }
            replies += &self.read(client);
        }
        replies
    }

    fn read(&mut self, client: usize) -> String {
        let (_, bytes) = self.clients[client].read_with_bytes(&words("a command that waited"));
        format!("{} ", bytes.escape_ascii())
    }

    /// Which clients wait, as the server sees it.
    fn waiting(&mut self) -> Vec<usize> {
        let Resp::Bulk(list) = self.prompter.run(&words("CLIENT LIST")) else { panic!("no list of clients") };
        let list = String::from_utf8(list).expect("text");
        let waits = |line: &str| {
            let field = |name| line.split(' ').find_map(|field| field.strip_prefix(name)).unwrap_or_default();
            field("flags=").contains('b').then(|| field("id=").parse().expect("an id"))
        };
        let ids: Vec<i64> = list.lines().filter_map(waits).collect();
        (0..CLIENTS).filter(|&client| ids.contains(&self.ids[client])).collect()
    }

    /// What clients were answered that waited and do no longer. Redis has served them before it asks others.
    fn served(&mut self) -> Vec<(usize, String)> {
        let waiting = self.waiting();
        let served: Vec<usize> =
            (0..CLIENTS).filter(|client| self.waits[*client] && !waiting.contains(client)).collect();
        served.into_iter().map(|client| (client, self.answer(client))).collect()
    }

    fn answer(&mut self, client: usize) -> String {
        self.waits[client] = false;
        self.read(client)
    }

    fn until_waiting(&mut self, expected: &[usize], history: &[String]) {
        let since = Instant::now();
        loop {
            let waiting = self.waiting();
            if waiting == expected {
                return;
            }
            assert!(since.elapsed() < SOON, "{waiting:?} wait, and in Redis {expected:?}: {history:#?}");
        }
    }
}

fn command(random: &mut Random) -> Vec<String> {
    let forms = [
        "BLPOP K K 0",
        "BRPOP K 0",
        "BLPOP K K K 0",
        "BLMOVE K K LEFT RIGHT 0",
        "BRPOPLPUSH K K 0",
        "BLMPOP 0 2 K K RIGHT COUNT 2",
        "BZPOPMIN K K 0",
        "BZMPOP 0 1 K MAX COUNT 2",
        "RPUSH K V",
        "LPUSH K V V",
        "RPUSH K V V V",
        "LMOVE K K RIGHT LEFT",
        "RENAME K K",
        "COPY K K REPLACE",
        "DEL K",
        "SET K V",
        "ZADD K 1 V 2 V",
        // Redis serves who waits for a key when it is new, not when it is overwritten, as this key never is.
        "ZUNIONSTORE sum 2 K K",
        "BZPOPMAX sum 0",
        "LPOP K",
        "SADD K V",
    ];
    let mut line = || {
        let form = random.pick(&forms).split(' ');
        let mut word = |word: &str| match word {
            "K" => format!("k{}", random.below(5)),
            "V" => format!("v{}", random.below(50)),
            word => word.to_owned(),
        };
        form.map(&mut word).collect::<Vec<_>>().join(" ")
    };
    let (first, second, third) = (line(), line(), line());
    if random.chance(20) {
        return vec!["MULTI".into(), first, second, third, "EXEC".into()];
    }
    vec![first]
}

#[test]
fn the_same_clients_are_served_with_the_same_in_the_same_step() {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    for episode in 0..cases::count(25) {
        let mut random = Random::new(cases::seed(1) + episode as u64);
        let (mut reference, mut subject) = (Side::new(redis.address()), Side::new(hyrax.address()));
        let mut history = Vec::new();
        for _ in 0..EPISODE {
            let free: Vec<usize> = (0..CLIENTS).filter(|&client| !reference.waits[client]).collect();
            let Some(&client) = free.get(random.below(CLIENTS)) else { continue };
            let lines = command(&mut random);
            history.push(format!("{client}: {}", lines.join(" | ")));
            let expected = reference.run(client, &lines);
            assert_eq!(subject.run(client, &lines), expected, "{history:#?}");
            for (served, expected) in reference.served() {
                assert_eq!(subject.answer(served), expected, "to {served}: {history:#?}");
            }
            let waiting: Vec<usize> = (0..CLIENTS).filter(|&client| reference.waits[client]).collect();
            subject.until_waiting(&waiting, &history);
        }
    }
}
