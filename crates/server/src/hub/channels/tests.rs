//! What must hold between publishers, subscribers and their outboxes.

use super::*;
use crate::hub::{Failure, Hub};
use crate::metrics::Metrics;

/// Messages as `channel=payload`, or `pattern:channel=payload`, in round or square brackets.
struct Bracketed(usize);

static ROUND: Bracketed = Bracketed(0);
static SQUARE: Bracketed = Bracketed(1);

impl MessageForm for Bracketed {
    fn number(&self) -> usize {
        self.0
    }

    fn encode(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pattern = message.pattern.map(|pattern| shown(pattern) + ":").unwrap_or_default();
        let text = format!("{pattern}{}={}", shown(message.channel), shown(message.payload));
        let text = if self.0 == 0 { format!("({text})") } else { format!("[{text}]") };
        out.extend_from_slice(text.as_bytes());
    }
}

struct Client {
    outbox: Arc<Outbox>,
    subscriber: Subscriber,
}

fn hub() -> Arc<Hub> {
    Hub::new(1, Metrics::new(&[]))
}

fn client_of(hub: &Hub, form: &'static Bracketed, bytes_max: usize) -> Client {
    let outbox = Outbox::new(None, bytes_max, Counters::new(Metrics::new(&[])));
    Client { subscriber: Subscriber::new(hub.channels().clone(), outbox.clone(), form), outbox }
}

fn client(hub: &Hub) -> Client {
    client_of(hub, &ROUND, 1 << 20)
}

impl Client {
    fn try_subscribe(&mut self, space: Space, name: &[u8], max: usize) -> Result<(), SubscribeError> {
        let subscribed = self.subscriber.subscribe(space, name, max);
        self.outbox.commit(b"");
        subscribed
    }

    fn subscribe(&mut self, space: Space, name: &str) {
        self.try_subscribe(space, name.as_bytes(), 100).expect("room");
    }

    fn unsubscribe(&mut self, space: Space, name: &str) -> bool {
        self.subscriber.unsubscribe(space, name.as_bytes())
    }

    fn taken(&self) -> String {
        self.subscriber.settle();
        let mut out = Vec::new();
        self.outbox.take(&mut out);
        String::from_utf8(out).expect("text")
    }
}

fn publish(hub: &Hub, channel: &str, payload: &str) -> usize {
    hub.publish(channel.as_bytes(), payload.as_bytes())
}

/// Does what the deliverer does, so many steps of it.
fn deliver(hub: &Hub, steps: usize) {
    let mut outboxes = Vec::new();
    for _ in 0..steps {
        hub.channels().step(&mut outboxes);
        outboxes.drain(..).for_each(|outbox| outbox.flush());
    }
}

#[test]
fn a_message_reaches_channel_and_patterns_and_each_is_counted() {
    let hub = hub();
    let mut client = client(&hub);
    client.subscribe(Space::Channels, "news");
    client.subscribe(Space::Patterns, "n*");
    client.subscribe(Space::Patterns, "*s");
    client.subscribe(Space::Patterns, "x*");
    assert_eq!(publish(&hub, "news", "a"), 3);
    assert_eq!(publish(&hub, "news", "b"), 3);
    assert_eq!(publish(&hub, "old", "c"), 0);
    assert_eq!(client.taken(), "(news=a)(n*:news=a)(*s:news=a)(news=b)(n*:news=b)(*s:news=b)");
}

#[test]
fn shard_channels_are_apart_and_no_pattern_sees_them() {
    let hub = hub();
    let mut client = client(&hub);
    client.subscribe(Space::Channels, "c");
    client.subscribe(Space::Patterns, "*");
    client.subscribe(Space::ShardChannels, "c");
    assert_eq!(hub.publish_to_shard(b"c", b"1"), 1);
    assert_eq!(publish(&hub, "c", "2"), 2);
    assert_eq!(client.taken(), "(c=1)(c=2)(*:c=2)");
    assert_eq!(
        (client.subscriber.count(Space::Channels), client.subscriber.count(Space::ShardChannels)),
        (2, 1)
    );
}

#[test]
fn over_several_channels_everybody_sees_the_publishers_order() {
    let hub = hub();
    let (mut one, mut other) = (client(&hub), client_of(&hub, &SQUARE, 1 << 20));
    for channel in ["a", "b", "c"] {
        one.subscribe(Space::Channels, channel);
    }
    other.subscribe(Space::Patterns, "[ac]");
    for (channel, payload) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("c", "5")] {
        publish(&hub, channel, payload);
    }
    deliver(&hub, 10);
    assert_eq!(one.taken(), "(a=1)(b=2)(a=3)(a=4)(c=5)");
    assert_eq!(other.taken(), "[[ac]:a=1][[ac]:a=3][[ac]:a=4][[ac]:c=5]");
}

#[test]
fn who_joins_or_leaves_in_the_middle_of_a_delivery_neither_misses_nor_repeats_anything() {
    let hub = hub();
    let mut clients: Vec<_> = (0..200).map(|_| client(&hub)).collect();
    for client in &mut clients {
        client.subscribe(Space::Channels, "c");
    }
    deliver(&hub, 10);
    publish(&hub, "c", "1");
    deliver(&hub, 2);
    assert!(clients[0].unsubscribe(Space::Channels, "c"), "while others still wait for it");
    let mut late = client(&hub);
    late.subscribe(Space::Channels, "c");
    assert_eq!(publish(&hub, "c", "2"), 200);
    deliver(&hub, 3);
    drop(clients.swap_remove(150).subscriber);
    publish(&hub, "c", "3");
    assert_eq!(clients[0].taken(), "(c=1)");
    assert!(clients[1..].iter().all(|client| client.taken() == "(c=1)(c=2)(c=3)"));
    assert_eq!(late.taken(), "(c=2)(c=3)");
}

#[test]
fn confirmations_stand_where_the_subscription_began() {
    let hub = hub();
    let mut client = client(&hub);
    let mut out = b"earlier,".to_vec();
    for channel in [&b"a"[..], b"b", b"a"] {
        client.subscriber.subscribe(Space::Channels, channel, 9).expect("room");
        publish(&hub, "a", "held");
        client.subscriber.settle();
        out.extend_from_slice(
            format!("+{}{},", String::from_utf8_lossy(channel), client.subscriber.count(Space::Channels))
                .as_bytes(),
        );
    }
    assert_eq!(client.taken(), "");
    client.outbox.commit(&out);
    publish(&hub, "a", "1");
    client.subscriber.settle();
    client.outbox.place(&mut b"later,".to_vec());
    publish(&hub, "b", "2");
    assert_eq!(client.taken(), "earlier,+a1,+b2,+a2,(a=held)(a=held)(a=held)(a=1)later,(b=2)");
}

#[test]
fn a_subscriber_that_falls_too_far_behind_is_disconnected() {
    let hub = hub();
    let mut client = client_of(&hub, &ROUND, 64);
    client.subscribe(Space::Channels, "c");
    publish(&hub, "c", &"x".repeat(100));
    client.subscriber.settle();
    assert_eq!(client.outbox.failure(), None, "one message alone may pass whatever its size");
    publish(&hub, "c", "y");
    client.subscriber.settle();
    assert_eq!(client.outbox.failure(), Some(Failure::Overwhelmed));
    assert_eq!(publish(&hub, "c", "z"), 1, "it is subscribed until its session ends");
    drop(client.subscriber);
    assert_eq!(publish(&hub, "c", "z"), 0);
}

#[test]
fn what_a_session_subscribes_to_is_bounded() {
    let hub = hub();
    let mut client = client(&hub);
    assert_eq!(client.try_subscribe(Space::Channels, b"a", 2), Ok(()));
    assert_eq!(client.try_subscribe(Space::Patterns, b"b", 2), Ok(()));
    assert_eq!(client.try_subscribe(Space::ShardChannels, b"c", 2), Err(SubscribeError::TooMany(2)));
    assert_eq!(client.try_subscribe(Space::Channels, b"a", 2), Ok(()), "it is there already");
    let long = vec![b'x'; hyrax_types::limits::KEY_BYTES_MAX];
    assert_eq!(client.try_subscribe(Space::Patterns, &long, 9), Err(SubscribeError::TooLong));
    assert_eq!(
        client.try_subscribe(Space::Channels, &[&long[..], b"x"].concat(), 9),
        Err(SubscribeError::TooLong)
    );
    let fill = |client: &mut Client, number: usize| {
        let mut name = long.clone();
        name[..4].copy_from_slice(&(number as u32).to_be_bytes());
        client.try_subscribe(Space::Channels, &name, 1000)
    };
    let filled = (0..1000).find_map(|number| fill(&mut client, number).err());
    assert_eq!(filled, Some(SubscribeError::TooLongTogether));
    assert!(client.unsubscribe(Space::Channels, "a") && client.unsubscribe(Space::Patterns, "b"));
}

#[test]
fn channels_are_listed_while_anybody_is_subscribed() {
    let hub = hub();
    let (mut one, mut other) = (client(&hub), client_of(&hub, &SQUARE, 1 << 20));
    for client in [&mut one, &mut other] {
        client.subscribe(Space::Channels, "news");
        client.subscribe(Space::Patterns, "n*");
    }
    one.subscribe(Space::ShardChannels, "shard");
    let channels = hub.channels();
    assert_eq!(channels.subscribers(Space::Channels, b"news"), 2);
    assert_eq!(channels.patterns(), 1);
    assert_eq!(channels.active(Space::Channels, None), ["news"]);
    assert_eq!(channels.active(Space::Channels, Some(b"x*")), [""; 0]);
    assert_eq!(channels.active(Space::ShardChannels, Some(b"s*")), ["shard"]);
    assert_eq!(one.subscriber.unsubscribe_one(Space::Patterns).as_deref(), Some(&b"n*"[..]));
    assert_eq!(one.subscriber.unsubscribe_one(Space::Patterns), None);
    drop(one);
    assert_eq!(channels.subscribers(Space::Channels, b"news"), 1);
    drop(other);
    assert!(channels.is_empty() && channels.active(Space::Channels, None).is_empty());
}

#[test]
fn a_form_can_change_between_two_messages() {
    let hub = hub();
    let mut client = client(&hub);
    client.subscribe(Space::Channels, "c");
    client.subscribe(Space::Patterns, "*");
    publish(&hub, "c", "1");
    client.subscriber.change_form(&SQUARE);
    publish(&hub, "c", "2");
    assert!(client.unsubscribe(Space::Patterns, "*"));
    client.subscriber.change_form(&ROUND);
    publish(&hub, "c", "3");
    assert_eq!(client.taken(), "(c=1)(*:c=1)[c=2][*:c=2](c=3)");
}

#[test]
fn a_log_that_grows_too_long_is_handed_out_by_who_publishes() {
    let hub = hub();
    let mut client = client_of(&hub, &ROUND, 64 << 20);
    client.subscribe(Space::Channels, "c");
    let payload = "x".repeat(1 << 20);
    for _ in 0..20 {
        publish(&hub, "c", &payload);
        assert!(hub.channels().names.lock().log_bytes() <= LOG_BYTES_MAX + (2 << 20));
    }
    let mut bytes = 0;
    while !client.outbox.is_empty() {
        bytes += client.taken().len();
    }
    assert_eq!(bytes, 20 * (payload.len() + "(c=)".len()));
}
