//! Why something did not happen to a node.

use hyrax_coordination::{RangeError, TxnError, Unavailable};
use thiserror::Error;

use super::path::{PathError, TreePath};

/// What was wrong, in etcd's words.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// There is no such node.
    #[error("Key not found")]
    KeyNotFound,
    /// It is not as expected.
    #[error("Compare failed")]
    TestFailed,
    /// It is a directory.
    #[error("Not a file")]
    NotFile,
    /// It is a key, so that nothing can be below it.
    #[error("Not a directory")]
    NotDir,
    /// It is there already.
    #[error("Key already exists")]
    NodeExist,
    /// It is the root.
    #[error("Root is read only")]
    RootReadOnly,
    /// Something is in the directory.
    #[error("Directory not empty")]
    DirNotEmpty,
    /// What happened then is forgotten.
    #[error("The event in requested index is outdated and cleared")]
    EventIndexCleared,
}

/// Why something did not happen. Nothing was changed then, but for what is [`Unavailable`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TreeError {
    /// The tree is not as the request takes it to be.
    #[error("{fault}")]
    Refused {
        /// What was wrong.
        fault: Fault,
        /// Where, or with what.
        cause: Vec<u8>,
        /// The index at which it was.
        index: u64,
    },
    /// The path of a key made here is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The engine could not be asked, or did not answer: the change may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused the transaction.
    #[error("the coordination engine refused: {0}")]
    Engine(TxnError),
}

impl TreeError {
    pub(super) fn refused(fault: Fault, cause: impl Into<Vec<u8>>, index: u64) -> TreeError {
        TreeError::Refused { fault, cause: cause.into(), index }
    }

    /// The same, seen at another index.
    pub(super) fn at_index(self, index: u64) -> TreeError {
        match self {
            TreeError::Refused { fault, cause, .. } => TreeError::Refused { fault, cause, index },
            other => other,
        }
    }

    pub(super) fn at(fault: Fault, path: &TreePath, index: u64) -> TreeError {
        TreeError::refused(fault, path.as_bytes(), index)
    }
}

impl From<TxnError> for TreeError {
    fn from(error: TxnError) -> TreeError {
        match error {
            TxnError::Unavailable(unavailable) => TreeError::Unavailable(unavailable),
            error => TreeError::Engine(error),
        }
    }
}

impl From<RangeError> for TreeError {
    fn from(error: RangeError) -> TreeError {
        TreeError::from(TxnError::from(error))
    }
}
