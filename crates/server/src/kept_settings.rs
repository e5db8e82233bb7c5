//! Settings that clients of Redis make and read back, but that nothing here depends on.

use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What they were set to. Their names are those of a fixed table, so that there are never more.
#[derive(Default)]
pub struct KeptSettings(Mutex<BTreeMap<&'static str, String>>);

impl KeptSettings {
    /// What a setting was set to, if it was.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.lock().get(name).cloned()
    }

    /// Sets it.
    pub fn set(&self, name: &'static str, value: String) {
        self.0.lock().insert(name, value);
    }

    /// Sets all back to what they are at the start.
    pub fn reset(&self) {
        self.0.lock().clear();
    }
}
