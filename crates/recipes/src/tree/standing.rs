//! How a path stands: what is there, and at each step on the way to it. Where a change could not be made, this
//! says why, and what must hold for it to be made.

use std::sync::Arc;

use hyrax_coordination::{
    Compare, KeyRange, KeyValue, Op, OpResponse, PutRequest, RangeRequest, TxnResponse,
};

use super::error::{Fault, TreeError};
use super::layout;
use super::node::{Kind, Node};
use super::path::TreePath;
use super::record::{Record, directory_node, file_node};

/// What one read found along a path.
#[derive(Debug)]
pub(super) struct Standing {
    path: TreePath,
    /// Of each step.
    steps: Vec<Step>,
    /// The index at the read.
    pub(super) index: u64,
}

#[derive(Debug)]
struct Step {
    path: TreePath,
    file: Option<Arc<KeyValue>>,
    directory: Option<Arc<KeyValue>>,
}

/// A node that is there, and what its engine's key must not have changed from.
pub(super) struct There {
    pub(super) node: Node,
    pub(super) unchanged: Compare,
}

/// The reads that make a standing.
pub(super) fn look(path: &TreePath) -> Vec<Op> {
    let read = |key| Op::Range(RangeRequest::new(KeyRange::single(key)));
    path.steps().flat_map(|step| [read(layout::file(&step)), read(layout::directory(&step))]).collect()
}

impl Standing {
    /// What those reads found; they begin at `first` among the answers.
    pub(super) fn of(path: &TreePath, response: &TxnResponse, first: usize) -> Standing {
        let mut found = response.responses.iter().skip(first).map(|response| match response {
            OpResponse::Range(range) => range.kvs.first().cloned(),
            _ => None,
        });
        let step = |path| Step { path, file: found.next().flatten(), directory: found.next().flatten() };
        let steps = path.steps().map(step).collect();
        Standing { path: path.clone(), steps, index: response.revision.0 }
    }

    /// The node, or what etcd says of its absence.
    pub(super) fn there(&self) -> Result<There, TreeError> {
        for (number, step) in self.steps.iter().enumerate() {
            let last = number + 1 == self.steps.len();
            match (&step.file, &step.directory) {
                (Some(kv), _) if last => return Ok(There::new(file_node(self.path.clone(), kv).0, kv)),
                (Some(_), _) => return Err(TreeError::at(Fault::NotDir, &step.path, self.index)),
                (None, None) => return Err(TreeError::at(Fault::KeyNotFound, &step.path, self.index)),
                (None, Some(kv)) if last => {
                    return Ok(There::new(directory_node(self.path.clone(), kv).0, kv));
                }
                (None, Some(_)) => {}
            }
        }
        // The root has no steps; those who may not touch it have been told so.
        Err(TreeError::refused(Fault::RootReadOnly, *b"/", self.index))
    }

    /// What must hold, and be written, so that the node's directory is there: nothing where it is.
    pub(super) fn make_parents(&self) -> Result<(Vec<Compare>, Vec<Op>), TreeError> {
        let (mut compare, mut ops) = (Vec::new(), Vec::new());
        let parents = self.steps.split_last().map_or(&[][..], |(_, parents)| parents);
        let mut last_found = None;
        for step in parents {
            if step.file.is_some() {
                return Err(TreeError::at(Fault::NotDir, &step.path, self.index));
            }
            let directory = layout::directory(&step.path);
            if step.directory.is_some() {
                last_found = Some(directory);
                continue;
            }
            compare.push(Compare::absent(layout::file(&step.path)));
            compare.push(Compare::absent(directory.clone()));
            ops.push(Op::Put(PutRequest::new(directory, Record::implied().encode())));
        }
        compare.extend(last_found.map(Compare::present));
        Ok((compare, ops))
    }

    /// What kind of node is there, if any.
    pub(super) fn kind(&self) -> Option<Kind> {
        let last = self.steps.last()?;
        match (&last.file, &last.directory) {
            (Some(_), _) => Some(Kind::File),
            (None, Some(_)) => Some(Kind::Directory),
            (None, None) => None,
        }
    }
}

impl There {
    pub(super) fn new(node: Node, kv: &KeyValue) -> There {
        There { node, unchanged: Compare::unchanged_since(kv.key.clone(), kv.mod_revision) }
    }
}
