//! Deleting, and what is over.

use std::sync::OnceLock;

use hyrax_coordination::{
    Compare, DeleteRangeRequest, KeyRange, KeyValue, Op, OpResponse, PutRequest, RangeRequest, TxnRequest,
};
use hyrax_types::limits::TREE_DEPTH_MAX;

use super::error::{Fault, TreeError};
use super::layout;
use super::node::{Action, Kind, Node, TreeEvent};
use super::path::TreePath;
use super::record::{encode_removal, file_node};
use super::standing::{Standing, There, look};
use super::writing::Condition;
use super::{Stem, Tree};

/// Depths looked at in one step, to find out how far down a directory goes.
const DEPTHS_STEP: usize = 8;

impl Tree {
    /// Removes a key; with `directory` an empty directory too; with `recursive` any directory, and all below it.
    pub async fn delete(
        &self,
        path: &TreePath,
        directory: bool,
        recursive: bool,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.deletes.count(self.stem.delete(path, directory, recursive).await)
    }

    /// Removes a key that is as expected.
    pub async fn compare_and_delete(
        &self,
        path: &TreePath,
        condition: &Condition,
    ) -> Result<TreeEvent, TreeError> {
        self.stem.counts.compared_deletes.count(self.stem.compare_and_delete(path, condition).await)
    }
}

impl Stem {
    async fn delete(
        &self,
        path: &TreePath,
        directory: bool,
        recursive: bool,
    ) -> Result<TreeEvent, TreeError> {
        if path.is_root() {
            return Err(self.root_is_read_only().await);
        }
        // Most of what is deleted is a key.
        let is_there = Compare::present(layout::file(path));
        let mut standing = match self.remove_file(Action::Delete, path, is_there).await? {
            Ok(event) => return Ok(event),
            Err(standing) => standing,
        };
        loop {
            let There { node, unchanged } = standing.there()?;
            let removed = if node.kind == Kind::File {
                self.remove_file(Action::Delete, path, unchanged).await?.ok()
            } else if !directory && !recursive {
                return Err(TreeError::at(Fault::NotFile, path, standing.index));
            } else {
                self.remove_directory(Action::Delete, node, unchanged, recursive).await?
            };
            match removed {
                Some(event) => return Ok(event),
                None => standing = self.standing(path).await?,
            }
        }
    }

    async fn compare_and_delete(
        &self,
        path: &TreePath,
        condition: &Condition,
    ) -> Result<TreeEvent, TreeError> {
        if path.is_root() {
            return Err(TreeError::at(Fault::NotFile, path, self.index().await?));
        }
        loop {
            let There { node, unchanged } = self.there(path).await?;
            if node.kind == Kind::Directory {
                return Err(TreeError::at(Fault::NotFile, path, self.index().await?));
            }
            if let Err(refused) = condition.check(&node, 0) {
                return Err(refused.at_index(self.index().await?));
            }
            if let Ok(event) = self.remove_file(Action::CompareAndDelete, path, unchanged).await? {
                return Ok(event);
            }
        }
    }

    /// Removes a node whose time ran out at `ends_ns`, if it has not been given another end since.
    pub(super) async fn expire(&self, path: &TreePath, ends_ns: i64) -> Result<Option<TreeEvent>, TreeError> {
        loop {
            let There { node, unchanged } = match self.there(path).await {
                Ok(there) if there.node.ends_ns == Some(ends_ns) => there,
                Ok(_) | Err(TreeError::Refused { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let removed = match node.kind {
                Kind::File => self.remove_file(Action::Expire, path, unchanged).await?.ok(),
                Kind::Directory => self.remove_directory(Action::Expire, node, unchanged, true).await?,
            };
            if removed.is_some() {
                return Ok(removed);
            }
        }
    }

    /// Removes a key if `holds`; else how its path stands.
    async fn remove_file(
        &self,
        action: Action,
        path: &TreePath,
        holds: Compare,
    ) -> Result<Result<TreeEvent, Standing>, TreeError> {
        let file = DeleteRangeRequest { range: KeyRange::single(layout::file(path)), prev_kv: true };
        let request = TxnRequest {
            compare: vec![holds],
            success: vec![
                Op::DeleteRange(file),
                delete(KeyRange::single(layout::deadline(path))),
                Op::Put(PutRequest::new(layout::removal(), encode_removal(action, path))),
            ],
            failure: look(path),
        };
        let response = self.txn(request).await?;
        let removed = match response.responses.first() {
            Some(OpResponse::DeleteRange(removed)) if response.succeeded => removed.prev_kvs.first(),
            _ => None,
        };
        Ok(match removed {
            Some(kv) => Ok(self.removed(action, file_node(path.clone(), kv).0, response.revision.0)),
            None => Err(Standing::of(path, &response, 0)),
        })
    }

    /// Removes a directory and all below it; none if it has changed meanwhile.
    async fn remove_directory(
        &self,
        action: Action,
        node: Node,
        unchanged: Compare,
        recursive: bool,
    ) -> Result<Option<TreeEvent>, TreeError> {
        let path = &node.path;
        let depths = if recursive { self.depths_below(path).await? } else { 0 };
        // What is one part further down than the last directory is the last that can be there.
        let mut ops = vec![
            delete(KeyRange::single(layout::directory(path))),
            delete(KeyRange::single(layout::deadline(path))),
            delete(KeyRange::single(layout::order(path))),
            Op::Put(PutRequest::new(layout::removal(), encode_removal(action, path))),
        ];
        let mut compare = vec![unchanged, Compare::none_in(layout::directories_below(path, depths + 1))];
        if recursive {
            ops.extend([delete(layout::deadlines_below(path)), delete(layout::orders_below(path))]);
            ops.extend((1..=depths + 1).map(|down| delete(layout::files_below(path, down))));
            ops.extend((1..=depths).map(|down| delete(layout::directories_below(path, down))));
        } else {
            compare.push(Compare::none_in(layout::files_below(path, 1)));
        }
        let children = [layout::files_below(path, 1), layout::directories_below(path, 1)];
        let failure = children.into_iter().map(|range| Op::Range(any_of(range))).collect();
        let response = self.txn(TxnRequest { compare, success: ops, failure }).await?;
        if response.succeeded {
            return Ok(Some(self.removed(action, node, response.revision.0)));
        }
        let holds_some =
            |response: &OpResponse| matches!(response, OpResponse::Range(range) if !range.kvs.is_empty());
        if !recursive && response.responses.iter().any(holds_some) {
            return Err(TreeError::at(Fault::DirNotEmpty, path, response.revision.0));
        }
        Ok(None)
    }

    /// How many parts the deepest directory is below this one.
    async fn depths_below(&self, path: &TreePath) -> Result<usize, TreeError> {
        let mut from = 1;
        let deepest = TREE_DEPTH_MAX.saturating_sub(path.depth());
        while from <= deepest {
            let until = (from + DEPTHS_STEP).min(deepest + 1);
            let look = (from..until).map(|down| Op::Range(any_of(layout::directories_below(path, down))));
            let response = self.txn(TxnRequest { success: look.collect(), ..TxnRequest::default() }).await?;
            let is_empty =
                |response: &OpResponse| matches!(response, OpResponse::Range(range) if range.kvs.is_empty());
            if let Some(first_empty) = response.responses.iter().position(is_empty) {
                return Ok(from + first_empty - 1);
            }
            from = until;
        }
        Ok(deepest)
    }

    fn removed(&self, action: Action, previous: Node, index: u64) -> TreeEvent {
        let node = gone(&previous, index);
        let (now_ns, form) = (self.now_ns(), OnceLock::new());
        TreeEvent { action, node, previous: Some(previous), refresh: false, now_ns, form }
    }
}

/// What is told of a node that was removed at `index`.
pub(super) fn gone(previous: &Node, index: u64) -> Node {
    Node {
        path: previous.path.clone(),
        kind: previous.kind,
        modified: index,
        created: previous.created,
        ..Node::default()
    }
}

fn delete(range: KeyRange) -> Op {
    Op::DeleteRange(DeleteRangeRequest::new(range))
}

/// Asks whether there is any key in a range.
fn any_of(range: KeyRange) -> RangeRequest {
    RangeRequest { limit: 1, keys_only: true, ..RangeRequest::new(range) }
}

/// The previous node of a removal that the engine told.
pub(super) fn previous_of(kind: Kind, path: TreePath, kv: &KeyValue) -> Node {
    match kind {
        Kind::File => file_node(path, kv).0,
        Kind::Directory => super::record::directory_node(path, kv).0,
    }
}
