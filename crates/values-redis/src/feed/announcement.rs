//! An announcement as the functions write it: texts one after the other, each behind its length and a colon.

use hyrax_types::Revision;

/// A change that was announced; or that events of a key are ours from here on, or that a command changed nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Announcement<'a> {
    /// Where in the key's history it stands.
    pub rev: Revision,
    /// When the key now expires, in milliseconds since the epoch: -1 for never, -2 where it is gone.
    pub expires_at: i64,
    /// Nobody is to be told.
    pub is_quiet: bool,
    /// Events of the key that come now, until its next announcement, are those of a command of ours.
    pub begins: bool,
    /// Nothing has changed.
    pub is_nothing: bool,
    /// Through which node it was made; empty where nobody made it.
    pub node: &'a [u8],
    /// Who the client said it was.
    pub actor: Option<&'a [u8]>,
    /// The command.
    pub command: &'a str,
    /// The key.
    pub key: &'a [u8],
    /// The arguments.
    pub args: Vec<&'a [u8]>,
}

impl<'a> Announcement<'a> {
    /// Reads one. What others publish there is none.
    pub fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let text = &mut bytes;
        let rev = number(field(text)?)?;
        let expires_at = number(field(text)?)?;
        let flags = field(text)?;
        let node = field(text)?;
        let actor = field(text)?;
        let command = std::str::from_utf8(field(text)?).ok()?;
        let key = field(text)?;
        let mut args = Vec::new();
        while !text.is_empty() {
            args.push(field(text)?);
        }
        Some(Announcement {
            rev: Revision(rev),
            expires_at,
            is_quiet: flags.contains(&b'q'),
            begins: flags.contains(&b'b'),
            is_nothing: flags.contains(&b'n'),
            node,
            actor: flags.contains(&b'a').then_some(actor),
            command,
            key,
            args,
        })
    }
}

fn field<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let length: usize = number(&text[..colon])?;
    let rest = &text[colon + 1..];
    let (found, rest) = rest.split_at_checked(length)?;
    *text = rest;
    Some(found)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_read_as_it_was_written() {
        let found = Announcement::parse(b"2:122:-12:qa1:x2:me3:set1:k2:a:0:").unwrap();
        assert_eq!((found.rev, found.expires_at), (Revision(12), -1));
        assert_eq!(found.node, b"x");
        assert_eq!((found.is_quiet, found.is_nothing, found.actor), (true, false, Some(&b"me"[..])));
        assert_eq!((found.command, found.key, found.args), ("set", &b"k"[..], vec![&b"a:"[..], b""]));
    }

    #[test]
    fn what_is_none_is_not_taken_for_one() {
        for text in ["", "x", "1:", "99999999999999999999:1", "2:122:-12:qa1:x2:me3:set1:k9:a", "1:x1:11:1"] {
            assert_eq!(Announcement::parse(text.as_bytes()), None, "{text}");
        }
    }
}
