//! Reading nodes.

use std::collections::HashMap;

use hyrax_coordination::{KeyRange, Op, OpResponse, RangeError, RangeRequest, TxnRequest};
use hyrax_types::Revision;
use hyrax_types::limits::TREE_DEPTH_MAX;

use super::error::TreeError;
use super::layout::{self, Place};
use super::node::{Kind, Node};
use super::path::TreePath;
use super::record::{directory_node, file_node};
use super::standing::{Standing, look};
use super::{Stem, Tree};

/// Depths read in one step: few trees have more.
const DEPTHS_STEP: usize = 6;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub node: Node,
    /// The index at the read.
    pub index: u64,
}

impl Tree {
    /// Reads a key, or a directory and what is in it, with `recursive` at any depth below. What is hidden is left
    /// out of directories.
    pub async fn get(&self, path: &TreePath, recursive: bool) -> Result<Found, TreeError> {
        self.stem.counts.gets.count(self.stem.get(path, recursive).await)
    }

    /// The index now.
    pub async fn index(&self) -> Result<u64, TreeError> {
        self.stem.index().await
    }
}

/// The directories and keys of one depth.
type Level = Vec<Node>;

impl Stem {
    async fn get(&self, path: &TreePath, recursive: bool) -> Result<Found, TreeError> {
        if !path.is_root()
            && let (Some(kv), index) = self.file(path).await?
        {
            return Ok(Found { node: file_node(path.clone(), &kv).0, index });
        }
        loop {
            if let Some(found) = self.directory(path, recursive).await? {
                return Ok(found);
            }
        }
    }

    /// Reads a directory, or finds that it is a key or not there after all. None where the engine forgot the
    /// revision between two steps.
    async fn directory(&self, path: &TreePath, recursive: bool) -> Result<Option<Found>, TreeError> {
        let deepest = TREE_DEPTH_MAX.saturating_sub(path.depth());
        let depths = if recursive { deepest } else { deepest.min(1) };
        let first = depths.min(if recursive { DEPTHS_STEP } else { 1 });
        let mut ops: Vec<Op> = (1..=first).flat_map(|down| reads_below(path, down)).collect();
        let listed = ops.len();
        ops.extend(look(path));
        let response = self.txn(TxnRequest { success: ops, ..TxnRequest::default() }).await?;
        let index = response.revision.0;
        let mut node = Node { path: path.clone(), ..Node::default() };
        if !path.is_root() {
            node = Standing::of(path, &response, listed).there()?.node;
        }
        if node.kind == Kind::File {
            return Ok(Some(Found { node, index }));
        }
        let mut levels: Vec<Level> = response.responses[..listed].chunks(2).map(level_of).collect();
        while recursive && levels.len() < depths && levels.last().is_some_and(has_directory) {
            let read = self.level(path, levels.len() + 1, response.revision).await?;
            let Some(level) = read else { return Ok(None) };
            levels.push(level);
        }
        node.nodes = nest(path, levels);
        Ok(Some(Found { node, index }))
    }

    /// One more depth, as it was at a revision; none if that is forgotten.
    async fn level(
        &self,
        path: &TreePath,
        down: usize,
        revision: Revision,
    ) -> Result<Option<Level>, TreeError> {
        let mut level = Level::new();
        for range in [layout::files_below(path, down), layout::directories_below(path, down)] {
            let request = RangeRequest { revision, ..RangeRequest::new(range) };
            match self.engine.range(request).await {
                Ok(response) => level.extend(response.kvs.iter().filter_map(|kv| node_of(kv))),
                Err(RangeError::Compacted) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(level))
    }
}

fn reads_below(path: &TreePath, down: usize) -> [Op; 2] {
    let read = |range: KeyRange| Op::Range(RangeRequest::new(range));
    [read(layout::files_below(path, down)), read(layout::directories_below(path, down))]
}

fn level_of(responses: &[OpResponse]) -> Level {
    let kvs = responses.iter().flat_map(|response| match response {
        OpResponse::Range(range) => &range.kvs[..],
        _ => &[],
    });
    kvs.filter_map(|kv| node_of(kv)).collect()
}

fn node_of(kv: &hyrax_coordination::KeyValue) -> Option<Node> {
    match layout::place(&kv.key) {
        Place::File(path) => Some(file_node(path, kv).0),
        Place::Directory(path) => Some(directory_node(path, kv).0),
        _ => None,
    }
}

fn has_directory(level: &Level) -> bool {
    level.iter().any(|node| node.kind == Kind::Directory)
}

/// Puts each node into its directory, from the deepest up, in the order of their names.
fn nest(path: &TreePath, levels: Vec<Level>) -> Vec<Node> {
    let mut below: HashMap<TreePath, Vec<Node>> = HashMap::new();
    for level in levels.into_iter().rev() {
        let mut directories: HashMap<TreePath, Vec<Node>> = HashMap::new();
        for mut node in level {
            let inside = below.remove(&node.path);
            if node.path.is_hidden() {
                continue;
            }
            node.nodes = inside.unwrap_or_default();
            directories.entry(node.path.parent()).or_default().push(node);
        }
        for nodes in directories.values_mut() {
            nodes.sort_by(|a, b| a.path.cmp(&b.path));
        }
        below = directories;
    }
    below.remove(path).unwrap_or_default()
}
