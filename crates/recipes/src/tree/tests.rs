//! The tree against a small model, and what etcd's documents promise of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyrax_coordination::{Coordination, Embedded, EmbeddedSettings, KeyRange, RangeRequest};
use hyrax_types::{ManualClock, SystemClock};
use proptest::prelude::*;

use super::layout::Place;
use super::*;

mod cost;

const PATIENCE: Duration = Duration::from_secs(20);

fn engine() -> Arc<dyn Coordination> {
    Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()))
}

fn tree() -> Tree {
    Tree::start(engine(), Arc::new(SystemClock))
}

fn path(text: &str) -> TreePath {
    TreePath::clean(text.as_bytes()).unwrap()
}

fn file(value: &str) -> Content {
    Content::File(Bytes::copy_from_slice(value.as_bytes()))
}

fn never() -> Ending {
    Ending::default()
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes no longer than patience")
}

/// What went wrong and where, without the index.
fn fault<T: std::fmt::Debug>(result: Result<T, TreeError>) -> (Fault, String) {
    match result {
        Err(TreeError::Refused { fault, cause, .. }) => (fault, String::from_utf8(cause).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn names(node: &Node) -> Vec<&str> {
    node.nodes.iter().map(|node| std::str::from_utf8(node.path.as_bytes()).unwrap()).collect()
}

#[tokio::test]
async fn a_key_is_set_and_read_with_its_indexes() {
    let tree = tree();
    let first = tree.set(&path("/a/b"), file("1"), never()).await.unwrap();
    assert!(first.is_creation() && first.node.created == first.index());
    let second = tree.set(&path("/a/b"), file("2"), never()).await.unwrap();
    assert_eq!(second.index(), first.index() + 1, "each write takes one index, its directories included");
    let previous = second.previous.clone().unwrap();
    assert_eq!((previous.value.unwrap(), previous.modified), ("1".into(), first.index()));
    assert_eq!(second.node.created, second.node.modified, "a set replaces the node");
    let third = tree.update(&path("/a/b"), "3".into(), never()).await.unwrap();
    assert_eq!((third.node.created, third.index()), (second.index(), second.index() + 1));
    let found = tree.get(&path("/a/b"), false).await.unwrap();
    assert_eq!((found.node, found.index), (third.node, second.index() + 1));
    let directory = tree.get(&path("/a"), false).await.unwrap().node;
    assert_eq!((directory.kind, directory.created), (Kind::Directory, first.index()));
}

#[tokio::test]
async fn what_is_refused_has_etcds_cause_and_changes_nothing() {
    let tree = tree();
    tree.set(&path("/d/f"), file("v"), never()).await.unwrap();
    let index = tree.index().await.unwrap();
    let tree_ = &tree;
    let set = |at| async move { tree_.set(&path(at), file("x"), never()).await };
    assert_eq!(fault(set("/d/f/x/y").await), (Fault::NotDir, "/d/f".into()));
    assert_eq!(fault(set("/d").await), (Fault::NotFile, "/d".into()));
    assert_eq!(fault(set("/").await), (Fault::RootReadOnly, "/".into()));
    assert_eq!(fault(tree.create(&path("/d/f"), file(""), never()).await), (Fault::NodeExist, "/d/f".into()));
    assert_eq!(
        fault(tree.update(&path("/n/x"), "".into(), never()).await),
        (Fault::KeyNotFound, "/n".into())
    );
    assert_eq!(fault(tree.update(&path("/d"), "x".into(), never()).await), (Fault::NotFile, "/d".into()));
    assert_eq!(fault(tree.get(&path("/d/f/x"), false).await), (Fault::NotDir, "/d/f".into()));
    assert_eq!(fault(tree.delete(&path("/d"), false, false).await), (Fault::NotFile, "/d".into()));
    assert_eq!(fault(tree.delete(&path("/d"), true, false).await), (Fault::DirNotEmpty, "/d".into()));
    let condition = Condition { value: "w".into(), index: 1 };
    let swap = tree.compare_and_swap(&path("/d/f"), &condition, "".into(), never()).await;
    assert_eq!(fault(swap), (Fault::TestFailed, format!("[w != v] [1 != {index}]")));
    let delete = tree.compare_and_delete(&TreePath::ROOT, &condition).await;
    assert_eq!(fault(delete), (Fault::NotFile, String::new()));
    assert_eq!(tree.index().await.unwrap(), index);
}

#[tokio::test]
async fn a_directory_lists_what_is_in_it_but_for_what_is_hidden() {
    let tree = tree();
    for at in ["/a/y", "/a/_x", "/a/x/1", "/a-b/1", "/a/x/_h/1", "/a/b/c/d/e/f/g/h/i"] {
        tree.set(&path(at), file("v"), never()).await.unwrap();
    }
    let root = tree.get(&TreePath::ROOT, false).await.unwrap().node;
    assert_eq!((names(&root), root.modified), (vec!["/a", "/a-b"], 0));
    assert!(root.nodes.iter().all(|node| node.nodes.is_empty()));
    let all = tree.get(&path("/a"), true).await.unwrap().node;
    assert_eq!(names(&all), ["/a/b", "/a/x", "/a/y"]);
    assert_eq!(names(&all.nodes[1]), ["/a/x/1"]);
    let mut deep = &all.nodes[0];
    while let Some(next) = deep.nodes.first() {
        deep = next;
    }
    assert_eq!(deep.path, path("/a/b/c/d/e/f/g/h/i"), "deeper than what is read in one step");
    let hidden = tree.get(&path("/a/x/_h"), true).await.unwrap().node;
    assert_eq!(names(&hidden), ["/a/x/_h/1"], "what is hidden is there for who names it");
}

#[tokio::test]
async fn a_directory_goes_with_all_that_is_below_it() {
    let engine = engine();
    let tree = Tree::start(Arc::clone(&engine), Arc::new(SystemClock));
    for at in ["/a/1", "/a/_h", "/a/b/c/d/e/f/g/h/i/j/k", "/ab/1"] {
        let ending = Ending { at_ns: Some(i64::MAX), refresh: false };
        tree.set(&path(at), file("v"), ending).await.unwrap();
    }
    tree.create_in_order(&path("/a/q"), file("v"), never()).await.unwrap();
    let index = tree.index().await.unwrap();
    let event = tree.delete(&path("/a"), false, true).await.unwrap();
    assert_eq!((event.index(), event.action), (index + 1, Action::Delete));
    assert_eq!(names(&tree.get(&TreePath::ROOT, false).await.unwrap().node), ["/ab"]);
    let left = engine.range(RangeRequest::new(layout::everything())).await.unwrap();
    let left: Vec<_> = left.kvs.iter().map(|kv| layout::place(&kv.key)).collect();
    let one = path("/ab/1");
    let expected =
        [Place::Directory(path("/ab")), Place::File(one.clone()), Place::Removal, Place::Deadline(one)];
    assert_eq!(left, expected, "nothing of it is left");
}

#[tokio::test]
async fn in_order_keys_are_in_order_whoever_makes_them() {
    let engine = engine();
    let trees = [0, 1].map(|_| Arc::new(Tree::start(Arc::clone(&engine), Arc::new(SystemClock))));
    let made: Vec<_> = (0..40)
        .map(|number| {
            let tree = Arc::clone(&trees[number % 2]);
            tokio::spawn(async move {
                tree.create_in_order(&path("/q"), file(&number.to_string()), never()).await.unwrap()
            })
        })
        .collect();
    let mut events = Vec::new();
    for event in made {
        events.push(event.await.unwrap());
    }
    events.sort_by_key(TreeEvent::index);
    let names: Vec<_> = events.iter().map(|event| event.node.path.clone()).collect();
    assert!(names.is_sorted() && names.len() == 40, "{names:?}");
    let alone = trees[0].create_in_order(&TreePath::ROOT, file(""), never()).await.unwrap();
    assert_eq!(alone.node.path, path(&format!("/{:020}", alone.index())));
}

#[tokio::test]
async fn of_many_who_swap_one_wins_each_time() {
    let engine = engine();
    let tree = Arc::new(Tree::start(engine, Arc::new(SystemClock)));
    tree.set(&path("/n"), file("0"), never()).await.unwrap();
    let add = |tree: Arc<Tree>| async move {
        loop {
            let found = tree.get(&path("/n"), false).await.unwrap().node;
            let value = found.value.unwrap();
            let next: u32 = std::str::from_utf8(&value).unwrap().parse::<u32>().unwrap() + 1;
            let condition = Condition { value, index: found.modified };
            let next = next.to_string().into();
            match tree.compare_and_swap(&path("/n"), &condition, next, never()).await {
                Ok(_) => return,
                Err(TreeError::Refused { fault: Fault::TestFailed, .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let adding: Vec<_> = (0..50).map(|_| tokio::spawn(add(Arc::clone(&tree)))).collect();
    for added in adding {
        added.await.unwrap();
    }
    assert_eq!(tree.get(&path("/n"), false).await.unwrap().node.value.unwrap(), "50");
}

#[tokio::test]
async fn what_ends_is_gone_and_told_once() {
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let engine = engine();
    let trees = [0, 1].map(|_| Tree::start(Arc::clone(&engine), clock.clone()));
    let [tree, other] = &trees;
    let in_s = |seconds: i64| Ending { at_ns: Some(tree.now_ns() + seconds * 1_000_000_000), refresh: false };
    tree.set(&path("/dir"), Content::Directory, in_s(5)).await.unwrap();
    tree.set(&path("/dir/a/b"), file("v"), never()).await.unwrap();
    tree.set(&path("/key"), file("v"), in_s(5)).await.unwrap();
    tree.set(&path("/kept"), file("v"), in_s(5)).await.unwrap();
    let moved = Ending { refresh: true, ..in_s(60) };
    let refreshed = tree.update(&path("/kept"), "".into(), moved).await.unwrap();
    assert_eq!(refreshed.node.value.unwrap(), "v", "a refresh keeps the value");
    let what = WatchFor { recursive: true, stream: true, ..WatchFor::default() };
    let mut watcher = other.watch(what).await.unwrap();
    let mut below = other.watch(WatchFor { path: path("/dir/a/b"), ..WatchFor::default() }).await.unwrap();
    clock.advance_ms(6_000);
    for at in ["/dir", "/key"] {
        let event = soon(watcher.next()).await.unwrap();
        assert_eq!((event.action, &event.node.path), (Action::Expire, &path(at)));
    }
    assert_eq!(soon(below.next()).await.unwrap().node.path, path("/dir"), "who waits below is told, too");
    assert_eq!(fault(tree.get(&path("/dir/a/b"), false).await), (Fault::KeyNotFound, "/dir".into()));
    assert_eq!(tree.get(&path("/kept"), false).await.unwrap().node.ttl_s(tree.now_ns()), 54);
    tree.set(&path("/last"), file("v"), never()).await.unwrap();
    assert_eq!(soon(watcher.next()).await.unwrap().node.path, path("/last"), "each was told once");
}

#[tokio::test]
async fn who_waits_is_told_of_what_comes() {
    let tree = tree();
    let at = |text: &str, recursive| WatchFor { path: path(text), recursive, ..WatchFor::default() };
    tree.set(&path("/a/b"), file("0"), never()).await.unwrap();
    let mut exact = tree.watch(at("/a/b", false)).await.unwrap();
    let mut directory = tree.watch(at("/a", false)).await.unwrap();
    let mut recursive = tree.watch(at("/a", true)).await.unwrap();
    let mut hidden = tree.watch(at("/a/_h", false)).await.unwrap();
    assert_eq!(tree.waiting(), 4);
    tree.set(&path("/a/_h"), file("1"), never()).await.unwrap();
    let set = tree.set(&path("/a/b"), file("1"), never()).await.unwrap();
    for watcher in [&mut exact, &mut recursive] {
        let event = soon(watcher.next()).await.unwrap();
        assert_eq!((event.index(), event.node.value.clone().unwrap()), (set.index(), "1".into()));
        assert_eq!(event.previous.as_ref().unwrap().value.clone().unwrap(), "0");
        assert!(soon(watcher.next()).await.is_none(), "one event, and no more");
    }
    assert_eq!(soon(hidden.next()).await.unwrap().node.path, path("/a/_h"));
    assert_eq!(tree.waiting(), 1);
    tree.delete(&path("/a"), true, true).await.unwrap();
    assert_eq!(soon(directory.next()).await.unwrap().action, Action::Delete);
    drop(tree.watch(at("/x", true)).await.unwrap());
    assert_eq!(tree.waiting(), 0, "who went away holds nothing");
}

#[tokio::test]
async fn the_past_is_told_as_far_as_it_is_known() {
    let engine = engine();
    let tree = Tree::start(Arc::clone(&engine), Arc::new(SystemClock));
    let first = tree.set(&path("/a"), file("0"), never()).await.unwrap().index();
    for number in 1..=1_000 {
        tree.set(&path("/a"), file(&number.to_string()), never()).await.unwrap();
    }
    let since = |since| WatchFor { path: path("/a"), since, ..WatchFor::default() };
    // A tree that was started later knows the same.
    let later = Tree::start(engine, Arc::new(SystemClock));
    for tree in [&tree, &later] {
        let settled = async {
            while tree.stem.told.state.lock().history.since(first + 1_000, |_| true).unwrap().count() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tree.stem.told.ready().await;
        soon(settled).await;
        let mut watcher = tree.watch(since(first + 1)).await.unwrap();
        assert_eq!(soon(watcher.next()).await.unwrap().index(), first + 1);
        let cause = format!("the requested history has been cleared [{}/{first}]", first + 1);
        assert_eq!(fault(tree.watch(since(first)).await.map(|_| ())), (Fault::EventIndexCleared, cause));
    }
    let mut stream = tree.watch(WatchFor { stream: true, ..since(first + 1) }).await.unwrap();
    for index in first + 1..=first + 1_000 {
        assert_eq!(soon(stream.next()).await.unwrap().index(), index, "a stream has the past and goes on");
    }
    let next = tree.set(&path("/a"), file("x"), never()).await.unwrap().index();
    assert_eq!(soon(stream.next()).await.unwrap().index(), next);
}

#[tokio::test]
async fn a_thousand_who_wait_are_one_watch_of_the_engine() {
    let tree = tree();
    let mut watchers = Vec::new();
    for _ in 0..1_000 {
        watchers.push(tree.watch(WatchFor { path: path("/a"), ..WatchFor::default() }).await.unwrap());
    }
    tree.set(&path("/a"), file("x"), never()).await.unwrap();
    let mut events = Vec::new();
    for watcher in &mut watchers {
        events.push(soon(watcher.next()).await.unwrap());
    }
    assert!(events.iter().all(|event| Arc::ptr_eq(event, &events[0])), "they share the event");
    assert_eq!(tree.waiting(), 0);
}

#[tokio::test]
async fn listing_does_not_read_what_is_below() {
    let engine = engine();
    let tree = Tree::start(Arc::clone(&engine), Arc::new(SystemClock));
    for number in 0..300 {
        tree.set(&path(&format!("/a/b/{number}")), file("x"), never()).await.unwrap();
    }
    let read = |range: KeyRange| engine.range(RangeRequest::new(range));
    let of_one_depth = read(layout::directories_below(&path("/a"), 1)).await.unwrap().count
        + read(layout::files_below(&path("/a"), 1)).await.unwrap().count;
    assert_eq!(of_one_depth, 1);
    assert_eq!(names(&tree.get(&path("/a"), false).await.unwrap().node), ["/a/b"]);
}

/// What the tree should be: every node by its path, the slow and plain way.
#[derive(Default)]
struct Model {
    nodes: BTreeMap<TreePath, (Kind, Bytes, u64, u64)>,
    index: u64,
}

#[derive(Clone, Debug)]
enum Call {
    Get(TreePath, bool),
    Put(bool, TreePath, Content),
    Update(TreePath, Bytes),
    Swap(TreePath, Bytes),
    Delete(TreePath, bool, bool),
    CompareAndDelete(TreePath, Bytes),
}

type Told = (Kind, Option<Bytes>, u64, u64, usize);

fn told(node: &Node) -> Told {
    (node.kind, node.value.clone(), node.created, node.modified, node.nodes.len())
}

impl Model {
    fn there(&self, path: &TreePath) -> Result<(Kind, Bytes, u64, u64), Fault> {
        for step in path.steps() {
            match self.nodes.get(&step) {
                None => return Err(Fault::KeyNotFound),
                Some((Kind::File, ..)) if step != *path => return Err(Fault::NotDir),
                Some(node) if step == *path => return Ok(node.clone()),
                Some(_) => {}
            }
        }
        Ok((Kind::Directory, Bytes::new(), 0, 0))
    }

    fn below(&self, path: &TreePath) -> impl Iterator<Item = &TreePath> {
        let path = path.clone();
        self.nodes.keys().filter(move |at| at.is_below(&path))
    }

    fn run(&mut self, call: &Call) -> Result<Told, Fault> {
        let next = self.index + 1;
        let result = match call {
            Call::Get(path, _) => {
                let (kind, value, created, modified) = self.there(path)?;
                let listed = self.below(path).filter(|at| at.parent() == *path && !at.is_hidden()).count();
                return Ok((kind, (kind == Kind::File).then_some(value), created, modified, listed));
            }
            Call::Put(create, path, content) => {
                if path.is_root() {
                    return Err(Fault::RootReadOnly);
                }
                let parents: Vec<_> = path.parent().steps().collect();
                if parents.iter().any(|at| matches!(self.nodes.get(at), Some((Kind::File, ..)))) {
                    return Err(Fault::NotDir);
                }
                match self.nodes.get(path) {
                    Some(_) if *create => return Err(Fault::NodeExist),
                    Some((Kind::Directory, ..)) => return Err(Fault::NotFile),
                    _ => {}
                }
                for at in parents {
                    self.nodes.entry(at).or_insert((Kind::Directory, Bytes::new(), next, next));
                }
                let (kind, value) = match content {
                    Content::File(value) => (Kind::File, value.clone()),
                    Content::Directory => (Kind::Directory, Bytes::new()),
                };
                self.nodes.insert(path.clone(), (kind, value.clone(), next, next));
                (kind, (kind == Kind::File).then_some(value), next, next, 0)
            }
            Call::Update(path, value) | Call::Swap(path, value) => {
                if path.is_root() {
                    return Err(Fault::RootReadOnly);
                }
                let (kind, found, created, _) = self.there(path)?;
                if kind == Kind::Directory && (matches!(call, Call::Swap(..)) || !value.is_empty()) {
                    return Err(Fault::NotFile);
                }
                if let Call::Swap(_, value) = call
                    && !value.is_empty()
                    && *value != found
                {
                    return Err(Fault::TestFailed);
                }
                let new = if matches!(call, Call::Swap(..)) { "swapped".into() } else { value.clone() };
                if kind == Kind::File {
                    self.nodes.insert(path.clone(), (kind, new.clone(), created, next));
                }
                (kind, (kind == Kind::File).then_some(new), created, next, 0)
            }
            Call::Delete(path, ..) | Call::CompareAndDelete(path, _) => {
                let compares = matches!(call, Call::CompareAndDelete(..));
                if path.is_root() {
                    return Err(if compares { Fault::NotFile } else { Fault::RootReadOnly });
                }
                let (kind, found, created, _) = self.there(path)?;
                let (directory, recursive) = match call {
                    Call::Delete(_, directory, recursive) => (*directory || *recursive, *recursive),
                    _ => (false, false),
                };
                if kind == Kind::Directory && !directory {
                    return Err(Fault::NotFile);
                }
                if let Call::CompareAndDelete(_, value) = call
                    && !value.is_empty()
                    && *value != found
                {
                    return Err(Fault::TestFailed);
                }
                let below: Vec<_> = self.below(path).cloned().collect();
                if !below.is_empty() && !recursive {
                    return Err(Fault::DirNotEmpty);
                }
                below.iter().for_each(|at| _ = self.nodes.remove(at));
                self.nodes.remove(path);
                (kind, None, created, next, 0)
            }
        };
        self.index = next;
        Ok(result)
    }
}

async fn run(tree: &Tree, call: &Call) -> Result<Told, TreeError> {
    let event = match call {
        Call::Get(path, recursive) => {
            return Ok(told(&tree.get(path, *recursive).await?.node));
        }
        Call::Put(false, path, content) => tree.set(path, content.clone(), never()).await?,
        Call::Put(true, path, content) => tree.create(path, content.clone(), never()).await?,
        Call::Update(path, value) => tree.update(path, value.clone(), never()).await?,
        Call::Swap(path, value) => {
            let condition = Condition { value: value.clone(), index: 0 };
            tree.compare_and_swap(path, &condition, "swapped".into(), never()).await?
        }
        Call::Delete(path, directory, recursive) => tree.delete(path, *directory, *recursive).await?,
        Call::CompareAndDelete(path, value) => {
            tree.compare_and_delete(path, &Condition { value: value.clone(), index: 0 }).await?
        }
    };
    Ok(told(&event.node))
}

fn paths() -> impl Strategy<Value = TreePath> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "_h"]), 0..4)
        .prop_map(|parts| path(&parts.join("/")))
}

fn values() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["", "1", "2", "swapped"]).prop_map(Bytes::from)
}

fn calls() -> impl Strategy<Value = Call> {
    let content = prop_oneof![3 => values().prop_map(Content::File), 1 => Just(Content::Directory)];
    prop_oneof![
        2 => (paths(), any::<bool>()).prop_map(|(path, recursive)| Call::Get(path, recursive)),
        4 => (any::<bool>(), paths(), content).prop_map(|(create, path, content)| Call::Put(create, path, content)),
        1 => (paths(), values()).prop_map(|(path, value)| Call::Update(path, value)),
        1 => (paths(), values()).prop_map(|(path, value)| Call::Swap(path, value)),
        2 => (paths(), any::<bool>(), any::<bool>())
            .prop_map(|(path, directory, recursive)| Call::Delete(path, directory, recursive)),
        1 => (paths(), values()).prop_map(|(path, value)| Call::CompareAndDelete(path, value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_the_model(calls in prop::collection::vec(calls(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tree = tree();
            let mut model = Model { index: tree.index().await.unwrap(), ..Model::default() };
            for call in &calls {
                let done = run(&tree, call).await;
                let expected = model.run(call);
                let done = done.map_err(|error| match error {
                    TreeError::Refused { fault, index, .. } => {
                        assert_eq!(index, model.index, "the index of a refusal");
                        fault
                    }
                    error => panic!("{error}"),
                });
                assert_eq!(done, expected, "{call:?} of {calls:?}");
                assert_eq!(tree.index().await.unwrap(), model.index, "the index after {call:?}");
            }
        });
    }
}
