//! A journal on disk: records in order, group commit, snapshots, recovery.
