//! Members on several processes over one engine, with a clock that the tests move.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use hyrax_coordination::{CompactRequest, DeleteRangeRequest, KeyRange};
use proptest::prelude::*;

use super::*;
use crate::data::{Ephemeral, Persistent};
use crate::simulation::{Node, Traffic, World, settle};

const HEARTBEAT: Duration = Duration::from_secs(4);

fn group(world: &World) -> Group {
    Group::new(world.engine(), Arc::clone(&world.clock) as _, "workers").unwrap()
}

/// The group as a process sees it over its own link.
fn group_of(world: &World, node: &Node) -> Group {
    Group::new(Arc::clone(&node.link) as _, Arc::clone(&world.clock) as _, "workers").unwrap()
}

async fn node(world: &World) -> Node {
    world.node(lease_ttl(HEARTBEAT).unwrap()).await
}

async fn join(world: &World, node: &Node, id: &str) -> Seat {
    group_of(world, node).join(&node.lease, None, id, Vec::new()).await.unwrap()
}

async fn ids(world: &World) -> Vec<String> {
    group(world).members().await.unwrap().into_iter().map(|member| member.id).collect()
}

/// What a feed tells now, as words.
fn told(feed: &mut MemberFeed) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(event) = feed.next().now_or_never() {
        let event = event.unwrap();
        words.extend(event.left.iter().map(|(member, cause)| format!("-{} {}", member.id, cause.word())));
        words.extend(event.joined.iter().map(|member| format!("+{}", member.id)));
    }
    words
}

#[tokio::test(start_paused = true)]
async fn a_member_is_a_key_that_says_when_it_joined() {
    let world = World::new();
    let node = node(&world).await;
    let subgroups = vec!["eu".to_owned()];
    let seat = group(&world).join(&node.lease, None, "abc", subgroups.clone()).await.unwrap();
    let members = group(&world).members().await.unwrap();
    assert_eq!(members, [seat.member().clone()]);
    assert_eq!(members[0].path, "/workers/members/abc");
    assert_eq!((members[0].joined_ms, &members[0].subgroups), (1_000_000, &subgroups));
    let range = hyrax_coordination::RangeRequest::new(KeyRange::single("/workers/members/abc"));
    let kv = world.engine().range(range).await.unwrap().kvs.remove(0);
    let expected = format!(r#"{{"joined":1000000,"subgroups":["eu"],"owner":"{:x}"}}"#, node.lease.id().0);
    assert_eq!((String::from_utf8_lossy(&kv.value).into_owned(), kv.lease), (expected, node.lease.id()));
    assert!(seat.leave().await);
    assert!(group(&world).members().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_follows_hears_of_everybody_and_why_they_went() {
    let world = World::new();
    let (ann, bob) = (node(&world).await, node(&world).await);
    let first = join(&world, &ann, "ann").await;
    let mut feed = group(&world).follow().await.unwrap();
    assert_eq!(feed.members().map(|member| &member.id[..]).collect::<Vec<_>>(), ["ann"]);
    let second = join(&world, &bob, "bob").await;
    let dropped = join(&world, &bob, "cid").await;
    let kicked = join(&world, &bob, "dan").await;
    settle().await;
    assert_eq!(told(&mut feed), ["+bob", "+cid", "+dan"]);
    assert!(first.leave().await);
    drop(dropped);
    settle().await;
    kicked.leave_because(LeaveCause::Kicked).await;
    settle().await;
    assert_eq!(told(&mut feed), ["-ann left", "-cid left", "-dan kicked"]);
    let lost = second.lost();
    bob.link.set(Traffic::Stands);
    world.pass(5_900, async || {}).await;
    assert_eq!(told(&mut feed), Vec::<String>::new());
    world.pass(200, async || {}).await;
    assert_eq!(told(&mut feed), ["-bob timeout"]);
    assert_eq!(lost.now_or_never(), Some(LeaveCause::Timeout), "it knows without being told");
    assert_eq!(feed.members().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_under_an_id_has_it() {
    let world = World::new();
    let (old, new) = (node(&world).await, node(&world).await);
    let before = join(&world, &old, "host").await;
    let mut feed = group(&world).follow().await.unwrap();
    let lost = before.lost();
    let after = join(&world, &new, "host").await;
    assert_eq!(lost.await, LeaveCause::Replaced);
    assert!(!before.leave().await, "it is another's now");
    settle().await;
    assert_eq!(told(&mut feed), ["-host replaced", "+host"]);
    let subgroups = vec!["eu".to_owned()];
    let again = group(&world).join(&new.lease, None, "host", subgroups.clone()).await.unwrap();
    assert!(!after.leave().await, "the later seat is the one");
    settle().await;
    assert_eq!(told(&mut feed), ["+host"], "it is not gone in between");
    assert_eq!(group(&world).members().await.unwrap()[0].subgroups, subgroups);
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_missed_what_is_forgotten_hears_the_differences() {
    let world = World::new();
    let here = node(&world).await;
    let _stays = join(&world, &here, "stays").await;
    let goes = join(&world, &here, "goes").await;
    let returns = join(&world, &here, "returns").await;
    let (revision, members) = group(&world).load().await.unwrap();
    // Who has heard that much begins where nothing is known of any more.
    goes.leave().await;
    returns.leave().await;
    let _comes = join(&world, &here, "comes").await;
    let _returns = join(&world, &here, "returns").await;
    let now = world.engine().status().await.unwrap().revision;
    world.engine().compact(CompactRequest::new(now)).await.unwrap();
    let mut feed = MemberFeed::new(group(&world), revision, members);
    settle().await;
    assert_eq!(told(&mut feed), ["-goes unknown", "+comes", "+returns"]);
    let told: Vec<_> = feed.members().map(|member| member.id.clone()).collect();
    assert_eq!(told, ids(&world).await);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_somebody_else_wrote_is_a_member_of_which_little_is_known() {
    let world = World::new();
    let mut feed = group(&world).follow().await.unwrap();
    world.engine().put(PutRequest::new("/workers/members/odd", "not JSON")).await.unwrap();
    world.engine().put(PutRequest::new(&b"/workers/members/\xff"[..], "no name")).await.unwrap();
    settle().await;
    assert_eq!(told(&mut feed), ["+odd"]);
    assert_eq!(feed.member("odd").map(|member| member.joined_ms), Some(0));
    let all = DeleteRangeRequest::new(KeyRange::prefix("/workers/"));
    world.engine().delete_range(all).await.unwrap();
    settle().await;
    assert_eq!(told(&mut feed), ["-odd timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_nobody_waits_for_any_more_is_left() {
    let world = World::new();
    let node = node(&world).await;
    let (group, lease) = (group_of(&world, &node), Arc::clone(&node.lease));
    node.link.set(Traffic::Deaf);
    let joining = tokio::spawn(async move { group.join(&lease, None, "ghost", Vec::new()).await });
    settle().await;
    assert_eq!(ids(&world).await, ["ghost"]);
    joining.abort();
    node.link.set(Traffic::Flows);
    settle().await;
    assert!(ids(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn ephemeral_keys_die_with_their_member_and_persistent_ones_do_not() {
    let world = World::new();
    let (ann, bob) = (node(&world).await, node(&world).await);
    let (stays, leaves) = (join(&world, &ann, "ann").await, join(&world, &bob, "bob").await);
    let ephemeral = Ephemeral::new(&group(&world));
    let persistent = Persistent::new(&group(&world));
    for key in ["mine", "taken over", "deleted"] {
        ephemeral.set(&leaves, key, "bob's").await.unwrap();
    }
    ephemeral.set(&stays, "taken over", "ann's").await.unwrap();
    assert_eq!(ephemeral.del(&stays, "deleted").await, Ok(true));
    assert_eq!(ephemeral.del(&stays, "deleted").await, Ok(false));
    persistent.set("kept", "for ever").await.unwrap();
    let pair = |key: &str, value: &'static str| (key.to_owned(), value.into());
    assert_eq!(ephemeral.list().await.unwrap(), [pair("mine", "bob's"), pair("taken over", "ann's")]);
    assert!(leaves.leave().await);
    assert_eq!(ephemeral.list().await.unwrap(), [pair("taken over", "ann's")]);
    assert_eq!(ephemeral.get("mine").await, Ok(None));
    let lost = stays.lost();
    ann.link.set(Traffic::Stands);
    world.pass(6_100, async || {}).await;
    lost.await;
    assert_eq!(ephemeral.list().await.unwrap(), []);
    assert_eq!(persistent.get("kept").await.unwrap().as_deref(), Some(&b"for ever"[..]));
    ann.link.set(Traffic::Flows);
    world.pass(3_000, async || {}).await;
    assert_eq!(ephemeral.set(&stays, "late", "ann's").await, Err(GroupError::Gone));
    assert_eq!(persistent.list().await.unwrap(), [pair("kept", "for ever")]);
    assert_eq!(persistent.del("kept").await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn absurd_names_and_heartbeats_are_refused_and_nobody_joins() {
    let world = World::new();
    let node = node(&world).await;
    assert!(Group::new(world.engine(), Arc::clone(&world.clock) as _, "").is_err());
    for id in ["", "a\nb", &"x".repeat(2_000)] {
        let refused = group(&world).join(&node.lease, None, id, Vec::new()).await;
        assert!(matches!(refused, Err(GroupError::Name(_))), "{id:?}");
    }
    let many = vec!["s".to_owned(); 101];
    let refused = group(&world).join(&node.lease, None, "a", many).await;
    assert_eq!(refused.err(), Some(GroupError::TooManySubgroups));
    assert!(ids(&world).await.is_empty());
    for heartbeat in [Duration::ZERO, Duration::from_secs(365 * 86_400)] {
        assert_eq!(lease_ttl(heartbeat), Err(BadHeartbeat(heartbeat)));
    }
    assert_eq!(lease_ttl(Duration::from_secs(10)), Ok(Duration::from_secs(15)));
}

#[derive(Clone, Debug)]
enum Step {
    Join(usize, u8),
    Leave(usize),
    Cut(usize, Traffic),
    CutFollower(Traffic),
    Compact,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let traffic = prop_oneof![Just(Traffic::Flows), Just(Traffic::Stands), Just(Traffic::Deaf)];
    let step = prop_oneof![
        4 => (0..3usize, 0..4u8).prop_map(|(node, id)| Step::Join(node, id)),
        3 => (0..6usize).prop_map(Step::Leave),
        1 => (0..3usize, traffic.clone()).prop_map(|(node, traffic)| Step::Cut(node, traffic)),
        1 => traffic.prop_map(Step::CutFollower),
        1 => Just(Step::Compact),
        2 => (100..8_000u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

/// Whatever comes in between: who follows has in mind exactly who is there, once it hears again.
async fn follow_through(steps: Vec<Step>) {
    let world = World::new();
    let nodes = [node(&world).await, node(&world).await, node(&world).await];
    let follower = node(&world).await;
    let mut feed = group_of(&world, &follower).follow().await.unwrap();
    let mut told: BTreeMap<String, Member> = BTreeMap::new();
    let mut seats: Vec<Seat> = Vec::new();
    for step in steps {
        match step {
            Step::Join(node, id) => {
                let (group, lease) = (group_of(&world, &nodes[node]), Arc::clone(&nodes[node].lease));
                let joining =
                    tokio::spawn(
                        async move { group.join(&lease, None, &format!("m{id}"), Vec::new()).await },
                    );
                settle().await;
                if joining.is_finished() {
                    seats.extend(joining.await.unwrap());
                } else {
                    joining.abort();
                }
            }
            Step::Leave(seat) if seat < seats.len() => drop(seats.swap_remove(seat)),
            Step::Leave(_) => {}
            Step::Cut(node, traffic) => nodes[node].link.set(traffic),
            Step::CutFollower(traffic) => follower.link.set(traffic),
            Step::Compact => {
                let now = world.engine().status().await.unwrap().revision;
                _ = world.engine().compact(CompactRequest::new(now)).await;
            }
            Step::Pass(time_ms) => world.pass(time_ms, async || {}).await,
        }
        settle().await;
        take_in(&mut feed, &mut told);
    }
    follower.link.set(Traffic::Flows);
    world.pass(3_000, async || {}).await;
    take_in(&mut feed, &mut told);
    let there: BTreeMap<String, Member> = group(&world)
        .members()
        .await
        .unwrap()
        .into_iter()
        .map(|member| (member.id.clone(), member))
        .collect();
    assert_eq!(told, there);
}

/// Takes in what a feed tells, none of which may be a surprise.
fn take_in(feed: &mut MemberFeed, told: &mut BTreeMap<String, Member>) {
    while let Some(event) = feed.next().now_or_never() {
        let event = event.unwrap();
        for (member, _) in event.left {
            assert_eq!(told.remove(&member.id), Some(member), "only who was there goes");
        }
        for member in event.joined {
            let before = told.insert(member.id.clone(), member.clone());
            assert!(before.is_none_or(|before| before.owner == member.owner), "nobody comes twice");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_follower_never_misses_anybody(steps in steps()) {
        World::run(follow_through(steps));
    }
}
