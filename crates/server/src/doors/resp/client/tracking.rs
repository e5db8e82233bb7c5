//! `CLIENT TRACKING` and its kin: a client keeps copies of values and is told when they are stale.
//!
//! In RESP3 by pushes on its own connection; in RESP2, where a push looks like a reply, by messages on another
//! connection, which it names and which listens to a channel.

use super::super::dialogue::Conversation;
use super::super::encode::{Protocol, RespSink};
use super::on_or_off;
use crate::Card;
use crate::core::Core;
use crate::hub::{Invalidation, Teller, Tracker};
use hyrax_types::{SessionId, limits};
use hyrax_values::{Command, Error, ReplySink, parse_integer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// Where clients of RESP2 listen.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// How a client is told that its copies are stale.
pub struct ClientTracking {
    tracker: Arc<Tracker>,
    route: Arc<Route>,
    options: Options,
    /// `CLIENT CACHING` was said of the next command.
    caching: bool,
    /// Has the engine tell of changes, where that has to be asked for.
    _following: Option<Box<dyn Send + Sync>>,
}

/// What a client asked for.
#[derive(Clone, Default)]
struct Options {
    redirect: Option<SessionId>,
    prefixes: Vec<Box<[u8]>>,
    /// All keys under the prefixes are told of, not those that the client reads.
    broadcast: bool,
    /// Only reads that follow `CLIENT CACHING yes` are remembered.
    opts_in: bool,
    /// Reads that follow `CLIENT CACHING no` are not.
    opts_out: bool,
    /// Its own changes are not told.
    skips_own: bool,
}

/// The way to whoever hears that copies are stale.
struct Route {
    core: Weak<Core>,
    card: Arc<Card>,
    redirect: Option<SessionId>,
    is_broken: AtomicBool,
}

impl Teller for Arc<Route> {
    fn tell(&self, invalidations: &[Invalidation]) {
        let mut out = Vec::new();
        let card = match self.redirect {
            None => Some(self.card.clone()),
            Some(id) => self.core.upgrade().and_then(|core| core.session(id)),
        };
        let reached = card.and_then(|card| Some((card.outbox()?, card)));
        let Some((outbox, card)) = reached.filter(|(outbox, _)| outbox.failure().is_none()) else {
            return self.tell_that_it_is_broken();
        };
        for invalidation in invalidations {
            write(invalidation, &card, self.redirect.is_some(), &mut out);
        }
        if !out.is_empty() {
            outbox.tell(out.into());
        }
    }
}

impl Route {
    fn tell_that_it_is_broken(&self) {
        let Some(id) = self.redirect else { return };
        self.is_broken.store(true, Ordering::Relaxed);
        if self.card.protocol.load(Ordering::Relaxed) < 3 {
            return;
        }
        if let Some(outbox) = self.card.outbox() {
            let mut out = Vec::new();
            let mut push = RespSink::new(&mut out, Protocol::Resp3);
            push.push(2);
            push.bulk(b"tracking-redir-broken");
            push.integer(id.0 as i64);
            outbox.tell(out.into());
        }
    }
}

/// Writes what is stale in a form that the client at the other end understands, if there is one.
fn write(invalidation: &Invalidation, card: &Card, is_redirected: bool, out: &mut Vec<u8>) {
    let protocol = if card.protocol.load(Ordering::Relaxed) > 2 { Protocol::Resp3 } else { Protocol::Resp2 };
    let mut message = RespSink::new(out, protocol);
    match protocol {
        Protocol::Resp3 => {
            message.push(2);
            message.bulk(b"invalidate");
        }
        Protocol::Resp2 if is_redirected && card.is_subscribed() => {
            message.array(3);
            message.bulk(b"message");
            message.bulk(CHANNEL);
        }
        Protocol::Resp2 => return,
    }
    match invalidation {
        Invalidation::Keys(keys) => message.bulks(keys.iter().map(|key| &key[..])),
        Invalidation::All => message.null(),
    }
}

/// `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut options = Options::read(conversation, &argv[3..])?;
    if on_or_off(argv[2])? {
        options.check(conversation.tracking.as_ref().map(|tracking| &tracking.options))?;
        conversation.begin_tracking(options);
    } else {
        conversation.stop_tracking();
    }
    conversation.reply(out).status("OK");
    Ok(())
}

/// `CLIENT CACHING YES|NO`.
pub fn caching(conversation: &mut Conversation, how: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let Some(tracking) = &mut conversation.tracking else {
        return Err(Error::text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    match &how.to_ascii_lowercase()[..] {
        b"yes" if tracking.options.opts_in => {}
        b"no" if tracking.options.opts_out => {}
        b"yes" => {
            return Err(Error::text(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
        b"no" => {
            return Err(Error::text(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
        _ => return Err(Error::Syntax),
    }
    tracking.caching = true;
    conversation.reply(out).status("OK");
    Ok(())
}

/// `CLIENT GETREDIR`: the client that is told, 0 for this one, -1 for none.
pub fn redirection(conversation: &Conversation) -> i64 {
    conversation.tracking.as_ref().map_or(-1, |tracking| tracking.options.redirection())
}

/// `CLIENT TRACKINGINFO`.
pub fn info(conversation: &Conversation, out: &mut Vec<u8>) {
    let tracking = conversation.tracking.as_deref();
    let flags = tracking.map_or_else(|| vec!["off"], ClientTracking::flags);
    let mut reply = conversation.reply(out);
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirection(conversation));
    reply.bulk(b"prefixes");
    let prefixes = tracking.map_or(&[][..], |tracking| &tracking.options.prefixes);
    reply.bulks(prefixes.iter().map(|prefix| &prefix[..]));
}

impl Options {
    fn redirection(&self) -> i64 {
        self.redirect.map_or(0, |id| id.0 as i64)
    }

    /// Reads them, in Redis' order of checks.
    fn read(conversation: &Conversation, mut words: &[&[u8]]) -> Result<Options, Error> {
        let mut options = Options::default();
        while let [option, rest @ ..] = words {
            words = rest;
            match (&option.to_ascii_lowercase()[..], rest) {
                (b"bcast", _) => options.broadcast = true,
                (b"optin", _) => options.opts_in = true,
                (b"optout", _) => options.opts_out = true,
                (b"noloop", _) => options.skips_own = true,
                (b"prefix", [prefix, rest @ ..]) => {
                    options.prefixes.push((*prefix).into());
                    words = rest;
                }
                (b"redirect", [_, ..]) if options.redirect.is_some() => {
                    return Err(Error::text("ERR A client can only redirect to a single other client"));
                }
                (b"redirect", [id, rest @ ..]) => {
                    let id = parse_integer(id).ok_or(Error::NotInteger)?;
                    let core = &conversation.session.core;
                    let other = u64::try_from(id).ok().and_then(|id| core.session(SessionId(id)));
                    let missing = Error::text("ERR The client ID you want redirect to does not exist");
                    options.redirect = Some(other.ok_or(missing)?.id);
                    words = rest;
                }
                _ => return Err(Error::Syntax),
            }
        }
        Ok(options)
    }

    /// Refuses what does not go together, among them or with what the client asked for before, in Redis' order
    /// of checks; and takes over the prefixes that it had.
    fn check(&mut self, before: Option<&Options>) -> Result<(), Error> {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(Error::text("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if before.is_some_and(|before| before.broadcast != self.broadcast) {
            return Err(Error::text(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcast && (self.opts_in || self.opts_out) {
            return Err(Error::text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opts_in && self.opts_out {
            return Err(Error::text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let changes_over =
            |before: &Options| (self.opts_in && before.opts_out) || (self.opts_out && before.opts_in);
        if before.is_some_and(changes_over) {
            return Err(Error::text(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcast {
            self.add_prefixes(before.map_or(&[], |before| &before.prefixes))?;
        }
        Ok(())
    }

    fn add_prefixes(&mut self, existing: &[Box<[u8]>]) -> Result<(), Error> {
        for (position, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = existing.iter().find(|other| overlap(prefix, other)) {
                return Err(overlapping(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[position + 1..].iter().find(|other| overlap(prefix, other)) {
                return Err(overlapping(prefix, "another provided", other));
            }
            if prefix.len() > limits::PREFIX_BYTES_MAX {
                return Err(Error::Other(
                    format!("ERR a prefix has at most {} bytes", limits::PREFIX_BYTES_MAX).into(),
                ));
            }
        }
        if self.prefixes.is_empty() {
            self.prefixes.push(Box::default());
        }
        let kept = existing.iter().filter(|prefix| !self.prefixes.contains(prefix)).cloned();
        let kept: Vec<Box<[u8]>> = kept.collect();
        self.prefixes.extend(kept);
        self.prefixes.sort_unstable();
        if self.prefixes.len() > limits::TRACKED_PREFIXES_MAX {
            let max = limits::TRACKED_PREFIXES_MAX;
            return Err(Error::Other(format!("ERR a connection may be told of {max} prefixes").into()));
        }
        Ok(())
    }
}

/// Whether one begins with the other.
fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn overlapping(prefix: &[u8], which: &str, other: &[u8]) -> Error {
    let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
    Error::Other(
        format!(
            "ERR Prefix '{prefix}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
        )
        .into(),
    )
}

impl ClientTracking {
    fn flags(&self) -> Vec<&'static str> {
        let Options { broadcast, opts_in, opts_out, skips_own, .. } = self.options;
        let flags = [
            ("on", true),
            ("bcast", broadcast),
            ("optin", opts_in),
            ("caching-yes", opts_in && self.caching),
            ("optout", opts_out),
            ("caching-no", opts_out && self.caching),
            ("noloop", skips_own),
            ("broken_redirect", self.route.is_broken.load(Ordering::Relaxed)),
        ];
        flags.iter().filter(|(_, has)| *has).map(|(flag, _)| *flag).collect()
    }

    /// Whether what a command reads is to be remembered.
    fn remembers(&self, command: &Command) -> bool {
        let Options { broadcast, opts_in, opts_out, .. } = self.options;
        let is_chosen = if opts_in { self.caching } else { !(opts_out && self.caching) };
        !broadcast && !command.writes && is_chosen
    }

    /// Ends what `CLIENT CACHING` asked for: it holds for one command.
    pub fn command_ended(&mut self) {
        self.caching = false;
    }

    /// Writes behind the client's replies what has become stale, or has it told elsewhere.
    pub fn tell(&self, out: &mut Vec<u8>) {
        if !self.tracker.is_stale() {
            return;
        }
        if self.options.redirect.is_some() {
            return self.tracker.tell();
        }
        for invalidation in self.tracker.take() {
            write(&invalidation, &self.route.card, false, out);
        }
    }
}

impl Conversation {
    fn begin_tracking(&mut self, options: Options) {
        let session = &self.session;
        let route = Arc::new(Route {
            core: Arc::downgrade(&session.core),
            card: session.card.clone(),
            redirect: options.redirect,
            is_broken: AtomicBool::new(false),
        });
        let prefixes = options.broadcast.then_some(&options.prefixes[..]);
        let tracker = Tracker::new(session.id, prefixes, options.skips_own, Box::new(route.clone()));
        let tracker = Arc::new(tracker);
        // Of which keys there are copies changes with every read: an engine that tells only of what it is asked for is
        // asked for everything.
        let following = session.core.values.follow(hyrax_values::Scope::Everything);
        session.core.hub.tracking().enter(tracker.clone());
        session.card.note_tracking(Some((options.redirection(), options.broadcast)));
        self.tracking =
            Some(Box::new(ClientTracking { tracker, route, options, caching: false, _following: following }));
    }

    /// The client keeps no copies any more.
    pub fn stop_tracking(&mut self) {
        if self.tracking.take().is_some() {
            self.session.core.hub.tracking().stop(self.session.id);
            self.session.card.note_tracking(None);
        }
    }

    /// Remembers what keys a command reads, before it does; whether that was to be done.
    pub fn remember_reads(&self, command: &Command, argv: &[&[u8]]) -> bool {
        let Some(tracking) = self.tracking.as_ref().filter(|tracking| tracking.remembers(command)) else {
            return false;
        };
        let tracked = self.session.core.hub.tracking();
        tracked.remember(tracking.tracker.id, command.keys(argv).map(|found| found.key));
        true
    }

    /// Has told again, after the command, what changed while it was run: whoever hears of it on another
    /// connection may have done so before the client has the reply.
    pub fn check_reads(&self, command: &Command, argv: &[&[u8]]) {
        let Some(tracking) = self.tracking.as_ref().filter(|it| it.options.redirect.is_some()) else {
            return;
        };
        let tracked = self.session.core.hub.tracking();
        let is_stale = |key: &&[u8]| !tracked.is_remembered(tracking.tracker.id, key);
        for key in command.keys(argv).map(|found| found.key).filter(is_stale) {
            tracking.route.tell(&[Invalidation::Keys(vec![key.into()])]);
        }
    }
}
