//! Setting, creating, updating and swapping.
//!
//! A change is tried at once on what is most likely: that the node's directory is there, and that no directory is
//! in its place. Only where that does not hold, the same transaction has read how the path stands, and the change
//! is refused, or tried anew with what that shows.

use std::sync::OnceLock;

use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, DeleteRangeRequest, Key, KeyRange, KeyValue, Op, OpResponse,
    PutRequest, RangeRequest, TxnRequest, TxnResponse, Value,
};

use super::error::{Fault, TreeError};
use super::layout;
use super::node::{Action, Kind, Node, TreeEvent};
use super::path::TreePath;
use super::record::{Record, file_node};
use super::standing::{Standing, There, look};
use super::{Stem, Tree};

/// The end of a node that is before this is none, where the node is new: etcd's guard against times that a
/// script's numbers have mangled. It is the beginning of 2000.
const END_NS_MIN: i64 = 946_684_800_000_000_000;

/// What a node shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A key with this value.
    File(Value),
    /// A directory.
    Directory,
}

/// When a node shall end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// In nanoseconds since the Unix epoch; none for never.
    pub at_ns: Option<i64>,
    /// Whether only this is to be changed: the value stays, and nobody who waits is told.
    pub refresh: bool,
}

/// What a key must be, so that it is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its value; any, if this is empty.
    pub value: Value,
    /// The index that wrote it; any, if this is zero.
    pub index: u64,
}

impl Condition {
    /// Whether it holds; if not, what etcd says of it.
    pub(super) fn check(&self, node: &Node, index: u64) -> Result<(), TreeError> {
        let found = node.value.as_deref().unwrap_or_default();
        let same_value = self.value.is_empty() || self.value == found;
        let same_index = self.index == 0 || self.index == node.modified;
        let values = || [b"[", &self.value[..], b" != ", found, b"]"].concat();
        let indexes = || format!("[{} != {}]", self.index, node.modified).into_bytes();
        let cause = match (same_value, same_index) {
            (true, true) => return Ok(()),
            (true, false) => indexes(),
            (false, true) => values(),
            (false, false) => [&values()[..], b" ", &indexes()].concat(),
        };
        Err(TreeError::refused(Fault::TestFailed, cause, index))
    }
}

/// A transaction to be tried: what must hold, and what is done then. The first operation is the node's own.
struct Attempt {
    compare: Vec<Compare>,
    ops: Vec<Op>,
}

impl Tree {
    /// Writes a node, whatever there was before but a directory.
    pub async fn set(
        &self,
        path: &TreePath,
        content: Content,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.sets.count(self.stem.set(path, content, ending).await)
    }

    /// Writes a node where there is none.
    pub async fn create(
        &self,
        path: &TreePath,
        content: Content,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        let ending = Ending { refresh: false, ..ending };
        self.stem.counts.creates.count(self.stem.put(Action::Create, path, content, ending).await)
    }

    /// Writes a node whose name is greater than those of all that were written so into the directory before.
    pub async fn create_in_order(
        &self,
        directory: &TreePath,
        content: Content,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.creates.count(self.stem.create_in_order(directory, content, ending).await)
    }

    /// Writes a key that is there, or moves the end of a directory.
    pub async fn update(
        &self,
        path: &TreePath,
        value: Value,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.updates.count(self.stem.update(path, value, ending).await)
    }

    /// Writes a key that is as expected.
    pub async fn compare_and_swap(
        &self,
        path: &TreePath,
        condition: &Condition,
        value: Value,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.swaps.count(self.stem.compare_and_swap(path, condition, value, ending).await)
    }
}

impl Stem {
    async fn set(&self, path: &TreePath, content: Content, ending: Ending) -> Result<TreeEvent, TreeError> {
        if !ending.refresh {
            return self.put(Action::Set, path, content, ending).await;
        }
        if path.is_root() {
            return Err(self.root_is_read_only().await);
        }
        // What is kept has to be known.
        loop {
            let There { node, unchanged } = self.there(path).await?;
            if node.kind == Kind::Directory {
                return Err(TreeError::at(Fault::NotFile, path, self.index().await?));
            }
            let value = node.value.clone().unwrap_or_default();
            let record =
                Record { refresh: true, ..Record::new(Action::Set, value, past_no_end(ending.at_ns)) };
            let attempt = match &content {
                Content::File(_) => write_file(path, &record, vec![unchanged]),
                Content::Directory => replace_by_directory(path, &record, vec![unchanged]),
            };
            if let Ok(response) = self.attempt(path, attempt).await? {
                return Ok(self.written(path, Action::Set, &record, &content, Some(node), &response));
            }
        }
    }

    /// Sets or creates.
    async fn put(
        &self,
        action: Action,
        path: &TreePath,
        content: Content,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        if path.is_root() {
            return Err(self.root_is_read_only().await);
        }
        let value = match &content {
            Content::File(value) => value.clone(),
            Content::Directory => Value::new(),
        };
        let record = Record::new(action, value, past_no_end(ending.at_ns));
        let make = |mut compare: Vec<Compare>| {
            if action == Action::Create {
                compare.push(Compare::absent(layout::file(path)));
            }
            compare.push(Compare::absent(layout::directory(path)));
            match content {
                Content::File(_) => write_file(path, &record, compare),
                Content::Directory => replace_by_directory(path, &record, compare),
            }
        };
        let parent = path.parent();
        let is_there = (!parent.is_root()).then(|| Compare::present(layout::directory(&parent)));
        let mut attempt = make(is_there.into_iter().collect());
        loop {
            let standing = match self.attempt(path, attempt).await? {
                Ok(response) => {
                    let previous = replaced_file(path, &response);
                    return Ok(self.written(path, action, &record, &content, previous, &response));
                }
                Err(standing) => standing,
            };
            let (compare, parents) = standing.make_parents()?;
            match (standing.kind(), action) {
                (Some(_), Action::Create) => {
                    return Err(TreeError::at(Fault::NodeExist, path, standing.index));
                }
                (Some(Kind::Directory), _) => {
                    return Err(TreeError::at(Fault::NotFile, path, standing.index));
                }
                _ => {}
            }
            attempt = make(compare);
            attempt.ops.extend(parents);
        }
    }

    async fn create_in_order(
        &self,
        directory: &TreePath,
        content: Content,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        let order = layout::order(directory);
        let value = match &content {
            Content::File(value) => value.clone(),
            Content::Directory => Value::new(),
        };
        let record = Record::new(Action::Create, value, past_no_end(ending.at_ns));
        let making = self.numbers.making();
        let mut last = self.index().await?;
        // What is most likely: the directory is there, and something was put into it in order before.
        let mut compare: Vec<Compare> = (!directory.is_root())
            .then(|| Compare::present(layout::directory(directory)))
            .into_iter()
            .collect();
        let mut parents = Vec::new();
        let mut is_first = false;
        loop {
            let name = Value::from(format!("{:020}", making.above(last)));
            let path = directory.child(&name)?;
            compare.push(if is_first { Compare::absent(order.clone()) } else { before(&order, &name) });
            compare.push(Compare::absent(layout::file(&path)));
            compare.push(Compare::absent(layout::directory(&path)));
            let mut attempt = match content {
                Content::File(_) => write_file(&path, &record, compare),
                Content::Directory => replace_by_directory(&path, &record, compare),
            };
            attempt.ops.append(&mut parents);
            attempt.ops.push(Op::Put(PutRequest::new(order.clone(), name.clone())));
            let mut failure = vec![Op::Range(RangeRequest::new(KeyRange::single(order.clone())))];
            failure.extend(look(&path));
            let Attempt { compare: tried, ops } = attempt;
            let response = self.txn(TxnRequest { compare: tried, success: ops, failure }).await?;
            if response.succeeded {
                return Ok(self.written(&path, Action::Create, &record, &content, None, &response));
            }
            let standing = Standing::of(&path, &response, 1);
            (compare, parents) = standing.make_parents()?;
            let written = match response.responses.first() {
                Some(OpResponse::Range(range)) => range.kvs.first(),
                _ => None,
            };
            is_first = written.is_none();
            let is_taken = written.is_some_and(|kv| kv.value >= name);
            if !is_taken && standing.kind().is_some() {
                // Somebody has given a key that name by hand.
                return Err(TreeError::at(Fault::NodeExist, &path, standing.index));
            }
            let number = written.and_then(|kv| std::str::from_utf8(&kv.value).ok()?.parse().ok());
            last = number.unwrap_or(0).max(standing.index);
        }
    }

    async fn update(&self, path: &TreePath, value: Value, ending: Ending) -> Result<TreeEvent, TreeError> {
        if path.is_root() {
            return Err(self.root_is_read_only().await);
        }
        loop {
            let There { node, unchanged } = self.there(path).await?;
            if node.kind == Kind::Directory && !value.is_empty() {
                return Err(TreeError::at(Fault::NotFile, path, self.index().await?));
            }
            if let Some(event) =
                self.rewrite(Action::Update, path, node, unchanged, value.clone(), ending).await?
            {
                return Ok(event);
            }
        }
    }

    async fn compare_and_swap(
        &self,
        path: &TreePath,
        condition: &Condition,
        value: Value,
        ending: Ending,
    ) -> Result<TreeEvent, TreeError> {
        if path.is_root() {
            return Err(self.root_is_read_only().await);
        }
        loop {
            let There { node, unchanged } = self.there(path).await?;
            if node.kind == Kind::Directory {
                return Err(TreeError::at(Fault::NotFile, path, self.index().await?));
            }
            if let Err(refused) = condition.check(&node, 0) {
                return Err(refused.at_index(self.index().await?));
            }
            if let Some(event) =
                self.rewrite(Action::CompareAndSwap, path, node, unchanged, value.clone(), ending).await?
            {
                return Ok(event);
            }
        }
    }

    /// Writes a node that keeps its creation; none if it has changed meanwhile.
    async fn rewrite(
        &self,
        action: Action,
        path: &TreePath,
        node: Node,
        unchanged: Compare,
        value: Value,
        ending: Ending,
    ) -> Result<Option<TreeEvent>, TreeError> {
        let kept = if ending.refresh { node.value.clone() } else { None };
        let record = Record {
            created: Some(node.created),
            refresh: ending.refresh,
            ..Record::new(action, kept.unwrap_or(value), ending.at_ns)
        };
        let (attempt, content) = match node.kind {
            Kind::File => (write_file(path, &record, vec![unchanged]), Content::File(record.value.clone())),
            Kind::Directory => {
                let put = Op::Put(PutRequest::new(layout::directory(path), record.encode()));
                let ops = vec![put, end_op(path, record.ends_ns)];
                (Attempt { compare: vec![unchanged], ops }, Content::Directory)
            }
        };
        Ok(match self.attempt(path, attempt).await? {
            Ok(response) => Some(self.written(path, action, &record, &content, Some(node), &response)),
            Err(_) => None,
        })
    }

    /// Tries; where what must hold does not, how the path stands.
    async fn attempt(
        &self,
        path: &TreePath,
        attempt: Attempt,
    ) -> Result<Result<TxnResponse, Standing>, TreeError> {
        let Attempt { compare, ops } = attempt;
        let response = self.txn(TxnRequest { compare, success: ops, failure: look(path) }).await?;
        let standing = |response| Standing::of(path, &response, 0);
        Ok(if response.succeeded { Ok(response) } else { Err(standing(response)) })
    }

    /// How a path stands now.
    pub(super) async fn standing(&self, path: &TreePath) -> Result<Standing, TreeError> {
        let response = self.txn(TxnRequest { success: look(path), ..TxnRequest::default() }).await?;
        Ok(Standing::of(path, &response, 0))
    }

    /// The node at a path that is not the root. Mostly a key is asked for, and it is there.
    pub(super) async fn there(&self, path: &TreePath) -> Result<There, TreeError> {
        match self.file(path).await?.0 {
            Some(kv) => Ok(There::new(file_node(path.clone(), &kv).0, &kv)),
            None => self.standing(path).await?.there(),
        }
    }

    /// A key, if there is one, and the index.
    pub(super) async fn file(
        &self,
        path: &TreePath,
    ) -> Result<(Option<std::sync::Arc<KeyValue>>, u64), TreeError> {
        let range = KeyRange::single(layout::file(path));
        let mut response = self.engine.range(RangeRequest::new(range)).await?;
        Ok((response.kvs.pop(), response.revision.0))
    }

    /// The index now.
    pub(super) async fn index(&self) -> Result<u64, TreeError> {
        let one = RangeRequest { count_only: true, ..RangeRequest::new(KeyRange::single(layout::removal())) };
        Ok(self.engine.range(one).await?.revision.0)
    }

    pub(super) async fn root_is_read_only(&self) -> TreeError {
        match self.index().await {
            Ok(index) => TreeError::refused(Fault::RootReadOnly, *b"/", index),
            Err(error) => error,
        }
    }

    fn written(
        &self,
        path: &TreePath,
        action: Action,
        record: &Record,
        content: &Content,
        previous: Option<Node>,
        response: &TxnResponse,
    ) -> TreeEvent {
        let index = response.revision.0;
        let (kind, value) = match content {
            Content::File(_) => (Kind::File, Some(record.value.clone())),
            Content::Directory => (Kind::Directory, None),
        };
        let node = Node {
            path: path.clone(),
            kind,
            value,
            ends_ns: record.ends_ns,
            nodes: Vec::new(),
            modified: index,
            created: record.created.unwrap_or(index),
        };
        let (refresh, now_ns, form) = (record.refresh, self.now_ns(), OnceLock::new());
        TreeEvent { action, node, previous, refresh, now_ns, form }
    }
}

/// That the last in-order key of a directory has a name before this one.
fn before(order: &Key, name: &Value) -> Compare {
    Compare {
        range: KeyRange::single(order.clone()),
        operator: CompareOperator::Less,
        target: CompareTarget::Value(name.clone()),
    }
}

/// The end of a node that is created; none for one that was long ago.
fn past_no_end(at_ns: Option<i64>) -> Option<i64> {
    at_ns.filter(|&at_ns| at_ns >= END_NS_MIN)
}

/// Notes when a node ends, or that it does not.
fn end_op(path: &TreePath, ends_ns: Option<i64>) -> Op {
    let key = layout::deadline(path);
    match ends_ns {
        Some(ends_ns) => Op::Put(PutRequest::new(key, ends_ns.to_string())),
        None => Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(key))),
    }
}

fn write_file(path: &TreePath, record: &Record, compare: Vec<Compare>) -> Attempt {
    let put = PutRequest { prev_kv: true, ..PutRequest::new(layout::file(path), record.encode()) };
    Attempt { compare, ops: vec![Op::Put(put), end_op(path, record.ends_ns)] }
}

fn replace_by_directory(path: &TreePath, record: &Record, compare: Vec<Compare>) -> Attempt {
    let range = KeyRange::single(layout::file(path));
    let delete = Op::DeleteRange(DeleteRangeRequest { range, prev_kv: true });
    let record = Record { value: Value::new(), ..record.clone() };
    let put = Op::Put(PutRequest::new(layout::directory(path), record.encode()));
    Attempt { compare, ops: vec![delete, put, end_op(path, record.ends_ns)] }
}

/// The key that was in a node's place.
fn replaced_file(path: &TreePath, response: &TxnResponse) -> Option<Node> {
    let kv = match response.responses.first()? {
        OpResponse::Put(put) => put.prev_kv.as_ref(),
        OpResponse::DeleteRange(delete) => delete.prev_kvs.first(),
        _ => None,
    };
    kv.map(|kv| file_node(path.clone(), kv).0)
}
