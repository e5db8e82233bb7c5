//! Words as C takes them, for which a zero byte is the end.

/// The part of a word that C takes for all of it.
pub(super) fn c_text(word: &[u8]) -> &[u8] {
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A word as it stands in an error: as C prints it, and without line ends.
pub(super) fn printed(word: &[u8]) -> String {
    String::from_utf8_lossy(c_text(word)).replace(['\r', '\n'], " ")
}
