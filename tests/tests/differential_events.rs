//! The embedded engine tells of the same keyspace events as Redis, in the same order.

use std::sync::{Arc, Mutex};

use hyrax_tests::cases;
use hyrax_tests::differential::{EngineTarget, Generator, Target, Vocabulary, waits};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, RespClient, show, words};
use hyrax_types::Change;
use hyrax_values::{EventClass, Feed};

/// How many commands are played from no keys, while one choice of classes is told.
const EPISODE_COMMANDS: usize = 1_000;

/// Everything first, then each class alone.
const CHOICES: [&str; 12] = ["KEAmn", "Kg", "E$", "Kl", "Es", "Kh", "Ez", "Kx", "Et", "Km", "En", "KElhm"];

/// The letter of a class in `notify-keyspace-events`.
fn letter(class: EventClass) -> char {
    match class {
        EventClass::Generic => 'g',
        EventClass::String => '$',
        EventClass::List => 'l',
        EventClass::Set => 's',
        EventClass::Hash => 'h',
        EventClass::SortedSet => 'z',
        EventClass::Stream => 't',
        EventClass::Expired => 'x',
        EventClass::Evicted => 'e',
        EventClass::Missed => 'm',
        EventClass::New => 'n',
    }
}

/// What happened, to which key.
type Event = (String, Vec<u8>);

/// Keeps events of the chosen classes.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    chosen: Mutex<&'static str>,
}

impl Recorder {
    fn choose(&self, classes: &'static str) {
        *self.chosen.lock().expect("no thread panics while it records") = classes;
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().expect("no thread panics while it records"))
    }
}

impl Feed for Recorder {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        false
    }

    fn emit(&self, _hash: u64, _change: &Change<'_>) {}

    fn notifies(&self, class: EventClass) -> bool {
        let chosen = self.chosen.lock().expect("no thread panics while it records");
        let is_in_all = !matches!(class, EventClass::Missed | EventClass::New);
        chosen.contains(letter(class)) || chosen.contains('A') && is_in_all
    }

    fn notify(&self, _class: EventClass, event: &'static str, key: &[u8]) {
        let mut events = self.events.lock().expect("no thread panics while it records");
        events.push((event.to_owned(), key.to_vec()));
    }

    fn settle(&self) {}
}

fn bulk(reply: &Resp) -> Vec<u8> {
    match reply {
        Resp::Bulk(bytes) => bytes.clone(),
        _ => panic!("{reply:?} where a string was awaited"),
    }
}

/// What Redis published while it ran a command, and dropped the keys past their time. Another client listens:
/// one that hears of its own command is told in the middle of the reply.
fn told_by_redis(
    redis: &mut RespClient,
    listener: &mut RespClient,
    command: &Argv,
    classes: &str,
) -> Vec<Event> {
    if waits(command) {
        // In a transaction nothing waits.
        redis.pipeline(&[words("MULTI"), command.clone(), words("EXEC")]);
    } else {
        redis.run(command);
    }
    redis.run(&words("SCAN 0 COUNT 1000000"));
    listener.run(&words("PING"));
    let messages: Vec<(Vec<u8>, Vec<u8>)> = listener
        .take_pushes()
        .iter()
        .map(|push| {
            let Some([_, _, channel, payload]) = push.elements() else { panic!("{push:?}") };
            (bulk(channel), bulk(payload))
        })
        .collect();
    let of_keys = messages.iter().filter_map(|(channel, event)| {
        let key = channel.strip_prefix(b"__keyspace@0__:")?;
        Some((String::from_utf8_lossy(event).into_owned(), key.to_vec()))
    });
    let of_events = messages.iter().filter_map(|(channel, key)| {
        let event = channel.strip_prefix(b"__keyevent@0__:")?;
        Some((String::from_utf8_lossy(event).into_owned(), key.clone()))
    });
    let (of_keys, of_events): (Vec<Event>, Vec<Event>) = (of_keys.collect(), of_events.collect());
    if classes.contains("KE") {
        assert_eq!(of_keys, of_events, "{}", show(command));
    }
    if classes.contains('K') { of_keys } else { of_events }
}

/// Whether what a command does depends on chance, or on the order of members with different scores; or it is told
/// otherwise than in Redis, which has `SORT` miss every key that its patterns make up.
fn is_left_open(command: &Argv) -> bool {
    let sorts = command[0].to_ascii_uppercase().starts_with(b"SORT");
    command[0].eq_ignore_ascii_case(b"SPOP")
        || sorts && command.iter().any(|word| word.contains(&b'*'))
        || command.iter().any(|word| word.to_ascii_uppercase().windows(3).any(|part| part == b"LEX"))
}

/// Keys past their time go in any order, at once or a little later; everything else has its place.
fn settled(events: Vec<Event>) -> (Vec<Event>, Vec<Event>) {
    let (mut expired, others): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|(event, _)| event == "expired");
    expired.sort();
    (others, expired)
}

fn shown((others, expired): &(Vec<Event>, Vec<Event>)) -> String {
    let shown = |(event, key): &Event| format!("{event} {}", key.escape_ascii());
    others.iter().chain(expired).map(shown).collect::<Vec<_>>().join(", ")
}

#[test]
fn random_commands_tell_the_same_events() {
    let server = Redis::start();
    let (mut redis, mut listener) = (server.client().resp3(), server.client().resp3());
    listener.send_raw(b"PSUBSCRIBE __key*@0__:*\r\n").expect("a client may subscribe");
    listener.next_push();
    let recorder = Arc::new(Recorder::default());
    let mut engine = EngineTarget::heard_by(recorder.clone());
    let mut generator = Generator::new(cases::seed(1), Vocabulary::Engine);
    let mut told = 0;
    for number in 0..cases::count(24_000) {
        let classes = CHOICES[number / EPISODE_COMMANDS % CHOICES.len()];
        if number % EPISODE_COMMANDS == 0 {
            recorder.choose(classes);
            redis.run(&words(&format!("CONFIG SET notify-keyspace-events {classes}")));
            redis.run(&words("FLUSHALL"));
            listener.run(&words("PING"));
            listener.take_pushes();
            engine.reset();
        }
        let command = generator.command();
        if is_left_open(&command) {
            continue;
        }
        let expected = settled(told_by_redis(&mut redis, &mut listener, &command, classes));
        engine.run(&command);
        engine.settle();
        let found = settled(recorder.take());
        assert_eq!(shown(&found), shown(&expected), "told by the engine, and by Redis: {}", show(&command));
        told += found.0.len() + found.1.len();
    }
    assert!(told > 0);
}
