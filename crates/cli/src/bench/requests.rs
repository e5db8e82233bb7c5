//! Requests, built once; before a batch is sent only the digits of its keys are written anew.

use super::wire::Protocol;

/// Digits of the number in a key. Keys are all of one length, so that a new number fits in place.
const DIGITS: usize = 10;

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// The value of a key.
    Get { key: &'a str },
    /// A new value for a key.
    Set { key: &'a str, value: &'a str },
    /// To be told of every change of a key (of every message on a channel).
    Subscribe { key: &'a str },
    /// A change that subscribers are told of: a set, or a publish.
    Announce { key: &'a str, value: &'a str },
    /// To be present in an EKG.
    Join { key: &'a str, id: &'a str },
    /// To be so no more.
    Leave { key: &'a str },
}

impl Request<'_> {
    /// The request's bytes, or `None` where the protocol has nothing of the kind.
    pub fn encode(self, protocol: Protocol) -> Option<Vec<u8>> {
        let resp = |words: &[&str]| {
            let bulks = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
            format!("*{}\r\n{}", words.len(), bulks.collect::<String>())
        };
        // Keys and values are this module's and its callers' own: nothing in them needs escaping.
        let text = match (protocol, self) {
            (Protocol::Line, Request::Get { key }) => format!("{{\"cmd\":\"get\",\"key\":\"{key}\"}}\n"),
            (Protocol::Line, Request::Set { key, value } | Request::Announce { key, value }) => {
                format!("{{\"cmd\":\"set\",\"key\":\"{key}\",\"args\":[\"{value}\"]}}\n")
            }
            (Protocol::Line, Request::Subscribe { key }) => {
                format!("{{\"cmd\":\"madd\",\"key\":\"{key}\"}}\n")
            }
            (Protocol::Line, Request::Join { key, id }) => {
                format!("{{\"cmd\":\"eadd\",\"key\":\"{key}\",\"id\":\"{id}\"}}\n")
            }
            (Protocol::Line, Request::Leave { key }) => format!("{{\"cmd\":\"erem\",\"key\":\"{key}\"}}\n"),
            (Protocol::Resp, Request::Get { key }) => resp(&["GET", key]),
            (Protocol::Resp, Request::Set { key, value }) => resp(&["SET", key, value]),
            (Protocol::Resp, Request::Subscribe { key }) => resp(&["SUBSCRIBE", key]),
            (Protocol::Resp, Request::Announce { key, value }) => resp(&["PUBLISH", key, value]),
            (Protocol::Resp, Request::Join { .. } | Request::Leave { .. }) => return None,
        };
        Some(text.into_bytes())
    }
}

/// The key of a number.
pub fn key(number: u64) -> String {
    format!("key:{number:0DIGITS$}")
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
        /// How far to go, where several take turns.
        step: u64,
    },
}

impl Keys {
    fn next(&mut self) -> Option<u64> {
        match self {
            Keys::Fixed => None,
            Keys::Random { count, random } => Some(random.u64(..*count)),
            Keys::Rising { count, next, step } => {
                let number = *next;
                *next = (number + *step) % *count;
                Some(number)
            }
        }
    }
}

/// Several requests that are written at once.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each request ends.
    ends: Vec<usize>,
    /// Where the digits of each request's key begin.
    digits: Vec<usize>,
    keys: Keys,
}

impl Batch {
    /// A batch of encoded requests, each of which names one key made by [`key`].
    pub fn new(requests: impl IntoIterator<Item = Vec<u8>>, keys: Keys) -> Batch {
        let mut batch = Batch { bytes: Vec::new(), ends: Vec::new(), digits: Vec::new(), keys };
        for request in requests {
            if !matches!(batch.keys, Keys::Fixed) {
                let at = request.windows(4).position(|window| window == b"key:");
                batch.digits.extend(at.map(|at| batch.bytes.len() + at + 4));
            }
            batch.bytes.extend_from_slice(&request);
            batch.ends.push(batch.bytes.len());
        }
        batch
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of its first `count` requests.
    pub fn bytes(&self, count: usize) -> &[u8] {
        match count.checked_sub(1) {
            Some(last) => &self.bytes[..self.ends[last]],
            None => &[],
        }
    }

    /// Names the next keys.
    pub fn renew(&mut self) {
        for &at in &self.digits {
            let Some(mut number) = self.keys.next() else { return };
            for digit in self.bytes[at..at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_each_protocol_says() {
        let check = |request: Request<'_>, protocol, text: &str| {
            assert_eq!(request.encode(protocol).as_deref(), Some(text.as_bytes()));
        };
        check(Request::Get { key: "k" }, Protocol::Line, "{\"cmd\":\"get\",\"key\":\"k\"}\n");
        check(Request::Get { key: "k" }, Protocol::Resp, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        let announce = Request::Announce { key: "k", value: "v" };
        check(announce, Protocol::Line, "{\"cmd\":\"set\",\"key\":\"k\",\"args\":[\"v\"]}\n");
        check(announce, Protocol::Resp, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nk\r\n$1\r\nv\r\n");
        assert!(Request::Leave { key: "k" }.encode(Protocol::Resp).is_none());
    }

    #[test]
    fn a_batch_names_new_keys_in_place() {
        let get = Request::Get { key: &key(0) }.encode(Protocol::Line).unwrap();
        let mut batch = Batch::new(vec![get; 3], Keys::Rising { count: 4, next: 0, step: 1 });
        for expected in [[0, 1, 2], [3, 0, 1]] {
            batch.renew();
            let text = String::from_utf8(batch.bytes(3).to_vec()).unwrap();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            assert_eq!(
                lines,
                expected.map(|number| format!("{{\"cmd\":\"get\",\"key\":\"{}\"}}", key(number)))
            );
        }
        assert_eq!(batch.bytes(1).iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert!(batch.bytes(0).is_empty());
    }
}
