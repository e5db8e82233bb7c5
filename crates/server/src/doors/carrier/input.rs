//! What was read and is no whole command yet.

/// Bytes read at once. A pipeline of some hundred commands fits.
pub const READ_BYTES: usize = 64 * 1024;

/// Bytes read ahead of a command that waits. What follows is left to the client's system, which then
/// holds the client back.
const READ_AHEAD_BYTES_MAX: usize = 64 * 1024;

/// What was read and is no whole command yet.
#[derive(Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// There is nothing to answer before there are this many.
    needed: usize,
}

impl Input {
    /// What was read already.
    pub fn new(bytes: Vec<u8>) -> Self {
        Input { bytes, needed: 0 }
    }

    /// What there is.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing is left over.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether there may be a whole command.
    pub fn may_be_whole(&self) -> bool {
        self.bytes.len() >= self.needed
    }

    /// Whether no more should be read while a command waits.
    pub fn is_far_ahead(&self) -> bool {
        self.bytes.len() >= READ_AHEAD_BYTES_MAX
    }

    /// Adds what was read.
    pub fn extend(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// Takes away what was answered.
    pub fn consume(&mut self, used: usize) {
        self.bytes.drain(..used);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        } else if self.bytes.capacity() > READ_BYTES.max(4 * self.bytes.len()) {
            // What held one large command need not stay that large for the next.
            self.bytes.shrink_to_fit();
        }
    }

    /// There is nothing to answer before there are so many bytes.
    pub fn needs(&mut self, bytes: usize) {
        self.needed = bytes;
    }

    /// Where to read the rest of a large command to, when much of it has come and much is missing; with
    /// room for some of it.
    ///
    /// The room grows with what has come, not with what the client says that will.
    pub fn space_for_much(&mut self) -> Option<&mut Vec<u8>> {
        let missing = self.needed.saturating_sub(self.bytes.len());
        if self.bytes.len() < READ_BYTES || missing < READ_BYTES {
            return None;
        }
        if self.bytes.capacity() - self.bytes.len() < READ_BYTES {
            self.bytes.reserve_exact(missing.min(self.bytes.len()));
        }
        Some(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_a_large_command_grows_with_what_has_come_of_it() {
        let mut input = Input::new(vec![0; 10]);
        input.needs(512 << 20);
        assert!(!input.may_be_whole());
        assert!(input.space_for_much().is_none(), "little has come");
        input.extend(&[0; READ_BYTES]);
        let mut rooms = 0;
        while let Some(space) = input.space_for_much() {
            assert!(space.capacity() <= 2 * space.len(), "{} for {}", space.capacity(), space.len());
            space.resize(space.capacity(), 0);
            rooms += 1;
        }
        assert!(rooms < 20, "copied {rooms} times");
        input.extend(&[0; READ_BYTES]);
        assert!(input.may_be_whole());
    }

    #[test]
    fn a_large_command_leaves_no_large_buffer_behind() {
        let mut input = Input::new(vec![0; 1 << 20]);
        input.consume((1 << 20) - 5);
        assert_eq!(input.bytes().len(), 5);
        assert!(input.bytes.capacity() < READ_BYTES);
        input.consume(5);
        assert_eq!(input.bytes.capacity(), 0);
    }
}
