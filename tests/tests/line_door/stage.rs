//! What the tests of the line door are told with: one says this and is answered that; another hears it.

use std::time::Duration;

use hyrax_tests::hyrax::{Client, Hyrax, Wire};
use serde_json::{Value, json};

use crate::secrets;

/// The secret of servers that have one.
pub const SECRET: &str = "turtles";

/// No push is longer under way than this on a busy machine; as short as tests that show an absence allow.
pub const QUIET: Duration = Duration::from_millis(150);

/// How writers prove that they may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Auth is off.
    None,
    /// The dialect's own hash.
    Legacy,
    /// The form that expires.
    V2,
}

/// A server, the wire it is talked to over, and how writers prove themselves.
pub struct Stage {
    pub hyrax: Hyrax,
    wire: Wire,
    proof: Proof,
}

impl Stage {
    /// Plays `example` over both wires, without secrets and with either form of them, each time on a server
    /// of its own.
    pub fn everywhere(example: impl Fn(&Stage)) {
        for wire in Wire::ALL {
            for proof in [Proof::None, Proof::Legacy, Proof::V2] {
                let flags: &[&str] = if proof == Proof::None { &[] } else { &["--secret", SECRET] };
                eprintln!("over {wire:?}, secrets: {proof:?}");
                example(&Stage { hyrax: Hyrax::start(flags), wire, proof });
            }
        }
    }

    /// A new connection.
    pub fn client(&self) -> Actor {
        Actor { client: self.hyrax.client(self.wire), proof: self.proof }
    }
}

/// A connection that plays a part in an example.
pub struct Actor {
    client: Client,
    proof: Proof,
}

impl Actor {
    /// A connection to a server where auth is off.
    pub fn of(hyrax: &Hyrax, wire: Wire) -> Self {
        Actor { client: hyrax.client(wire), proof: Proof::None }
    }

    /// Sends a command, whose secrets are made where the example has a placeholder, and checks its reply
    /// but for revisions.
    #[track_caller]
    pub fn says(&mut self, command: Value, expected: Value) {
        let reply = self.asks(command.clone());
        assert_eq!(without_revisions(reply), expected, "to {command}");
    }

    /// Sends a command and gives its reply as it is.
    pub fn asks(&mut self, command: Value) -> Value {
        let signed = match self.proof {
            Proof::None => command,
            Proof::Legacy => secrets::sign(command, secrets::legacy),
            Proof::V2 => secrets::sign(command, secrets::v2_for_a_minute),
        };
        self.client.request(&signed)
    }

    /// Checks that a command is refused with exactly these words, in either dialect.
    #[track_caller]
    pub fn refused(&mut self, command: Value, words: &str) {
        let reply = self.asks(command.clone());
        assert_eq!(reply["error"], words, "to {command}: {reply}");
        assert_eq!(reply.get("return"), None, "an error has no return");
    }

    /// Checks the next push but for revisions.
    #[track_caller]
    pub fn hears(&mut self, expected: Value) {
        assert_eq!(without_revisions(self.client.push()), expected);
    }

    /// Checks the next pushes but for revisions. They are of different keys, and only each key's own
    /// pushes have an order.
    #[track_caller]
    pub fn hears_of_several_keys(&mut self, mut expected: Vec<Value>) {
        let mut heard: Vec<_> = expected.iter().map(|_| without_revisions(self.client.push())).collect();
        heard.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(heard, expected);
    }

    /// Checks that nothing is pushed for a while.
    #[track_caller]
    pub fn hears_nothing(&mut self) {
        assert_eq!(self.client.pushes_until_quiet(QUIET), Vec::<Value>::new());
    }

    /// The connection.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// A reply or push without its revisions, once it is known that a push has one.
#[track_caller]
pub fn without_revisions(mut message: Value) -> Value {
    let is_flat_push = message.get("cmd").is_some();
    let is_domain_push = message["command"] == "mon-push";
    let holder = if is_domain_push { &mut message["return"] } else { &mut message };
    if let Some(fields) = holder.as_object_mut() {
        let had: Vec<_> = ["rev", "revs", "erev"].iter().filter_map(|name| fields.remove(*name)).collect();
        assert!(had.len() == 1 || !(is_flat_push || is_domain_push), "a push has one revision: {message}");
        for revision in
            had.iter().flat_map(|had| had.as_array().cloned().unwrap_or_else(|| vec![had.clone()]))
        {
            assert!(revision.is_u64(), "a revision is a number: {revision}");
        }
    }
    message
}

/// A push of the domain dialect.
pub fn mon_push(domain: &str, id: &str, command: &str, values: &[&str]) -> Value {
    json!({"command": "mon-push",
           "return": {"domain": domain, "id": id, "values": values, "command": command}})
}

/// A push about an EKG in the domain dialect.
pub fn ekg_push(domain: &str, id: &str, name: &str, command: &str) -> Value {
    json!({"command": "mon-push",
           "return": {"key": {"domain": domain, "id": id, "name": name}, "values": [], "command": command}})
}
