//! Coordination over Redis: functions for the changes, a stream for the watches, one slot for each namespace.
