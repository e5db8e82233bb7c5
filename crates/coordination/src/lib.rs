//! Coordination.
