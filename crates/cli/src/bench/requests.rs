//! Requests, built once; before a batch is sent only the digits of its keys and members are written anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::wire::Protocol;

/// Digits of the number in a key, a member or a score. All are of one length, so that a new number fits in place.
const DIGITS: usize = 12;
/// What comes before the digits of a key. Together they make 16 bytes.
const KEY: &str = "key:";
/// What comes before the digits of a hash's field, or of a member.
const MEMBER: &str = "member:";

/// A word of a command.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// The same in every request.
    Text(&'a str),
    /// The key of a number.
    Key(u64),
    /// The member of a number.
    Member(u64),
    /// A score.
    Score(u64),
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// A Redis command: its name, its key, and the rest.
    Command(&'a [Word<'a>]),
    /// To be told of every change of a key (of every message on a channel).
    Subscribe { key: u64 },
    /// A change that subscribers are told of: a set, or a publish.
    Announce { key: u64, value: &'a str },
    /// To be present in an EKG.
    Join { key: u64, id: &'a str },
    /// To be so no more.
    Leave { key: u64 },
}

/// A request's bytes, and where the numbers in it are.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The bytes.
    pub bytes: Vec<u8>,
    slots: Vec<Slot>,
}

/// Where a number begins, and which.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: usize,
    is: Number,
}

/// A number that is written anew for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// The digits of the next key.
    Key,
    /// The digits of the key, or lease, named last.
    SameKey,
    /// The digits of a member or a score.
    Member,
    /// The id of the next lease after this one, see [`lease_id`].
    Lease(u64),
    /// The next stream of an HTTP/2 connection, four bytes.
    Stream,
    /// The same stream again.
    SameStream,
}

impl Request<'_> {
    /// The request's bytes, or `None` where the protocol has nothing of the kind.
    pub fn encode(self, protocol: Protocol) -> Option<Template> {
        use Word::{Key, Text};
        let mut template = Template::default();
        match (protocol, self) {
            (Protocol::Line, Request::Command(words)) => template.line(words, None)?,
            (Protocol::Line, Request::Subscribe { key }) => template.line(&[Text("madd"), Key(key)], None)?,
            (Protocol::Line, Request::Announce { key, value }) => {
                template.line(&[Text("set"), Key(key), Text(value)], None)?;
            }
            (Protocol::Line, Request::Join { key, id }) => {
                template.line(&[Text("eadd"), Key(key)], Some(id))?;
            }
            (Protocol::Line, Request::Leave { key }) => template.line(&[Text("erem"), Key(key)], None)?,
            (Protocol::Resp, Request::Command(words)) => template.resp(words),
            (Protocol::Resp, Request::Subscribe { key }) => template.resp(&[Text("SUBSCRIBE"), Key(key)]),
            (Protocol::Resp, Request::Announce { key, value }) => {
                template.resp(&[Text("PUBLISH"), Key(key), Text(value)]);
            }
            (Protocol::Resp, Request::Join { .. } | Request::Leave { .. })
            | (Protocol::Grpc(_) | Protocol::Http, _) => {
                return None;
            }
        }
        Some(template)
    }
}

impl Template {
    /// A request that is the same each time.
    pub fn text_of(text: &str) -> Template {
        Template { bytes: text.as_bytes().to_vec(), ..Template::default() }
    }

    /// Words and values are this program's own: nothing in them needs escaping. `None` without a name and a key.
    fn line(&mut self, words: &[Word<'_>], id: Option<&str>) -> Option<()> {
        let [Word::Text(name), key, arguments @ ..] = words else { return None };
        self.text(&format!("{{\"cmd\":\"{}\",\"key\":\"", name.to_lowercase()));
        self.word(*key);
        self.text("\"");
        for (at, argument) in arguments.iter().enumerate() {
            self.text(if at == 0 { ",\"args\":[\"" } else { ",\"" });
            self.word(*argument);
            self.text("\"");
        }
        self.text(if arguments.is_empty() { "" } else { "]" });
        if let Some(id) = id {
            self.text(&format!(",\"id\":\"{id}\""));
        }
        self.text("}\n");
        Some(())
    }

    fn resp(&mut self, words: &[Word<'_>]) {
        self.text(&format!("*{}\r\n", words.len()));
        for word in words {
            self.text(&format!("${}\r\n", word.len()));
            self.word(*word);
            self.text("\r\n");
        }
    }

    fn word(&mut self, word: Word<'_>) {
        let (prefix, number, is) = match word {
            Word::Text(text) => return self.text(text),
            Word::Key(number) => (KEY, number, Number::Key),
            Word::Member(number) => (MEMBER, number, Number::Member),
            Word::Score(number) => ("", number, Number::Member),
        };
        self.text(prefix);
        self.slots.push(Slot { at: self.bytes.len(), is });
        self.text(&format!("{number:0DIGITS$}"));
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Adds the text of a key: that of the next number, or of the one named last.
    pub fn key(&mut self, is_next: bool) {
        let is = if is_next { Number::Key } else { Number::SameKey };
        self.text(KEY);
        self.slots.push(Slot { at: self.bytes.len(), is });
        self.text(&format!("{:0DIGITS$}", 0));
    }

    /// Adds the text of a random member.
    pub fn member(&mut self) {
        self.word(Word::Member(0));
    }

    /// Adds the id of the next lease, counted from `first`, as a variable-length integer.
    pub fn lease(&mut self, first: u64) {
        let at = self.bytes.len();
        self.slots.push(Slot { at, is: Number::Lease(first) });
        self.bytes.extend([0; LEASE_BYTES]);
        write_lease(&mut self.bytes[at..], first);
    }

    /// Adds the stream that the request is on, which is a new one or that of the same request before.
    pub fn stream(&mut self, is_new: bool) {
        let is = if is_new { Number::Stream } else { Number::SameStream };
        self.slots.push(Slot { at: self.bytes.len(), is });
        self.bytes.extend(1u32.to_be_bytes());
    }

    /// Adds all of another.
    pub fn append(&mut self, other: &Template) {
        self.slots.extend(other.slots.iter().map(|slot| Slot { at: slot.at + self.bytes.len(), ..*slot }));
        self.bytes.extend_from_slice(&other.bytes);
    }
}

/// Bytes of a lease's id in a request. All are of one length, so that a new one fits in place.
pub const LEASE_BYTES: usize = 5;

/// The id of a lease: from 2^28 on, so that it takes five bytes.
pub fn lease_id(number: u64) -> u64 {
    (1 << (7 * (LEASE_BYTES - 1))) + number
}

/// Writes it over `bytes`, seven bits a byte, the lowest first.
fn write_lease(bytes: &mut [u8], number: u64) {
    let mut rest = lease_id(number);
    for byte in &mut *bytes {
        *byte = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    if let Some(last) = bytes.last_mut() {
        *last &= 0x7f;
    }
}

impl Word<'_> {
    fn len(self) -> usize {
        match self {
            Word::Text(text) => text.len(),
            Word::Key(_) => KEY.len() + DIGITS,
            Word::Member(_) => MEMBER.len() + DIGITS,
            Word::Score(_) => DIGITS,
        }
    }
}

/// The member of a number.
pub fn member(number: u64) -> String {
    format!("{MEMBER}{number:0DIGITS$}")
}

/// A value of `length` bytes.
pub fn value(length: usize) -> String {
    "x".repeat(length)
}

/// Which keys the requests of a batch name.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Those that they were built with.
    Fixed,
    /// Any of the first so many, each as likely.
    Random {
        /// How many there are.
        count: u64,
        /// Where the choice comes from.
        random: fastrand::Rng,
    },
    /// One after the other, so many in all, then from the beginning.
    Rising {
        /// How many there are.
        count: u64,
        /// The next one.
        next: u64,
    },
    /// One after the other, among all batches that share the next one.
    InTurns {
        /// The next one.
        next: Arc<AtomicU64>,
    },
}

impl Keys {
    fn next(&mut self) -> Option<u64> {
        match self {
            Keys::Fixed => None,
            Keys::Random { count, random } => Some(random.u64(..*count)),
            Keys::Rising { count, next } => {
                let number = *next;
                *next = (number + 1) % *count;
                Some(number)
            }
            Keys::InTurns { next } => Some(next.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// Several requests that are written at once.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each request ends.
    ends: Vec<usize>,
    slots: Vec<Slot>,
    /// Which of the requests is next, where they are sent one by one.
    turn: Option<usize>,
    keys: Keys,
    /// How many members, or scores, are chosen from.
    members: u64,
    /// The stream of the request before, on HTTP/2.
    stream: u32,
    /// The key, or lease, named last.
    last: u64,
    random: fastrand::Rng,
}

impl Batch {
    /// A batch of these requests, whose members are random ones of the first so many.
    pub fn new(requests: impl IntoIterator<Item = Template>, keys: Keys, members: u64) -> Batch {
        let mut batch = Batch {
            bytes: Vec::new(),
            ends: Vec::new(),
            slots: Vec::new(),
            turn: None,
            keys,
            members: members.max(1),
            stream: u32::MAX,
            last: 0,
            random: fastrand::Rng::new(),
        };
        let mut all = Template::default();
        for request in requests {
            all.append(&request);
            batch.ends.push(all.bytes.len());
        }
        Batch { bytes: all.bytes, slots: all.slots, ..batch }
    }

    /// These requests one by one, each when the one before was answered. Once begun they are all sent.
    pub fn in_turn(requests: impl IntoIterator<Item = Template>) -> Batch {
        // What comes next after the last one is the first.
        let batch = Batch::new(requests, Keys::Fixed, 1);
        Batch { turn: batch.ends.len().checked_sub(1), ..batch }
    }

    /// Whether some of them are still to be sent that go one by one.
    pub fn is_midway(&self) -> bool {
        self.turn.is_some_and(|turn| turn + 1 < self.ends.len())
    }

    /// How many requests are sent at once.
    pub fn len(&self) -> usize {
        if self.turn.is_some() { 1 } else { self.ends.len() }
    }

    /// The bytes of its first `count` requests; of those that go one by one, of the one whose turn it is.
    pub fn bytes(&self, count: usize) -> &[u8] {
        match (count.checked_sub(1), self.turn) {
            (Some(_), Some(turn)) => &self.bytes[self.begin(turn)..self.ends[turn]],
            (Some(last), None) => &self.bytes[..self.ends[last]],
            (None, _) => &[],
        }
    }

    fn begin(&self, request: usize) -> usize {
        request.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Names the next keys, members, leases and streams.
    pub fn renew(&mut self) {
        self.turn = self.turn.map(|turn| (turn + 1) % self.ends.len());
        let renewed = match self.turn {
            Some(turn) => self.begin(turn)..self.ends[turn],
            None => 0..self.bytes.len(),
        };
        for &Slot { at, is } in self.slots.iter().filter(|slot| renewed.contains(&slot.at)) {
            let number = match is {
                Number::Key | Number::Lease(_) => {
                    let next = self.keys.next();
                    self.last = next.unwrap_or(self.last);
                    next
                }
                Number::SameKey => Some(self.last),
                Number::Member => Some(self.random.u64(..self.members)),
                Number::Stream => {
                    // A client's streams have odd numbers, from 1 on.
                    self.stream = self.stream.wrapping_add(2);
                    None
                }
                Number::SameStream => None,
            };
            match (is, number) {
                (Number::Key | Number::SameKey | Number::Member, Some(number)) => {
                    write_digits(&mut self.bytes[at..at + DIGITS], number);
                }
                (Number::Lease(first), Some(number)) => {
                    write_lease(&mut self.bytes[at..at + LEASE_BYTES], first + number);
                }
                (Number::Stream | Number::SameStream, _) => {
                    self.bytes[at..at + 4].copy_from_slice(&self.stream.to_be_bytes());
                }
                (_, None) => {}
            }
        }
    }
}

fn write_digits(bytes: &mut [u8], mut number: u64) {
    for digit in bytes.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Request<'_> = Request::Command(&[Word::Text("GET"), Word::Key(7)]);

    #[test]
    fn requests_are_what_each_protocol_says() {
        let check = |request: Request<'_>, protocol, text: &str| {
            let template = request.encode(protocol).unwrap();
            assert_eq!(String::from_utf8_lossy(&template.bytes), text);
        };
        check(GET, Protocol::Line, "{\"cmd\":\"get\",\"key\":\"key:000000000007\"}\n");
        check(GET, Protocol::Resp, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n");
        let zadd = [Word::Text("ZADD"), Word::Key(1), Word::Score(2), Word::Member(3)];
        check(
            Request::Command(&zadd),
            Protocol::Line,
            "{\"cmd\":\"zadd\",\"key\":\"key:000000000001\",\"args\":[\"000000000002\",\"member:000000000003\"]}\n",
        );
        check(
            Request::Command(&zadd),
            Protocol::Resp,
            "*4\r\n$4\r\nZADD\r\n$16\r\nkey:000000000001\r\n$12\r\n000000000002\r\n$19\r\nmember:000000000003\r\n",
        );
        check(
            Request::Announce { key: 0, value: "v" },
            Protocol::Resp,
            "*3\r\n$7\r\nPUBLISH\r\n$16\r\nkey:000000000000\r\n$1\r\nv\r\n",
        );
        check(
            Request::Join { key: 0, id: "me" },
            Protocol::Line,
            "{\"cmd\":\"eadd\",\"key\":\"key:000000000000\",\"id\":\"me\"}\n",
        );
        assert!(Request::Leave { key: 0 }.encode(Protocol::Resp).is_none());
    }

    #[test]
    fn a_batch_names_new_keys_in_place() {
        let get = GET.encode(Protocol::Line).unwrap();
        let mut batch = Batch::new(vec![get; 3], Keys::Rising { count: 4, next: 0 }, 1);
        for expected in [[0, 1, 2], [3, 0, 1]] {
            batch.renew();
            let text = String::from_utf8(batch.bytes(3).to_vec()).unwrap();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            let line = |number| format!("{{\"cmd\":\"get\",\"key\":\"key:{number:012}\"}}");
            assert_eq!(lines, expected.map(line));
        }
        assert_eq!(batch.bytes(1).iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert!(batch.bytes(0).is_empty());
    }

    #[test]
    fn requests_that_go_one_by_one_have_their_turns() {
        let mut stream = Template::default();
        stream.stream(true);
        let mut batch = Batch::in_turn([Template::text_of("a"), stream, Template::text_of("c")]);
        for (midway, expected) in [(true, &b"a"[..]), (true, &[0, 0, 0, 1]), (false, b"c")]
            .into_iter()
            .chain([(true, &b"a"[..]), (true, &[0, 0, 0, 3])])
        {
            batch.renew();
            assert_eq!((batch.len(), batch.is_midway(), batch.bytes(1)), (1, midway, expected));
        }
    }

    #[test]
    fn leases_and_the_streams_of_http2_are_named_in_place() {
        let mut template = Template::default();
        template.stream(true);
        template.lease(100);
        template.key(false);
        template.stream(false);
        let mut batch = Batch::new(vec![template; 2], Keys::Rising { count: 300, next: 100 }, 1);
        batch.renew();
        let expected = |stream: u8, low: &[u8], key: &[u8]| {
            let stream = [0, 0, 0, stream];
            [&stream[..], low, &[0x80, 0x80, 1], key, &stream].concat()
        };
        let expected = [
            expected(1, &[0xc8, 0x81], b"key:000000000100"),
            expected(3, &[0xc9, 0x81], b"key:000000000101"),
        ];
        assert_eq!(batch.bytes(2), expected.concat());
        batch.renew();
        assert_eq!(batch.bytes(1)[3], 5);
        assert_eq!(lease_id(200), (1 << 28) + 200);
    }

    #[test]
    fn every_key_of_a_request_is_named_anew_and_members_stay_in_their_range() {
        let mset = [Word::Text("MSET"), Word::Key(0), Word::Member(9), Word::Key(0), Word::Member(9)];
        let template = Request::Command(&mset).encode(Protocol::Resp).unwrap();
        let mut batch = Batch::new([template], Keys::Rising { count: 10, next: 5 }, 1);
        batch.renew();
        let text = String::from_utf8(batch.bytes(1).to_vec()).unwrap();
        assert!(text.contains("key:000000000005") && text.contains("key:000000000006"), "{text}");
        assert_eq!(text.matches("member:000000000000").count(), 2, "{text}");
    }
}
