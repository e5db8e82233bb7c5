//! How pushes look in the two dialects, one line each.

use super::encode::{write_bytes, write_string, write_unsigned};
use crate::hub::{Form, PresenceChange, PresenceKind, What};
use hyrax_types::{DomainKey, OwnedChange, Revision};

/// In the place of an id where there is none: a loss is told by a reset, not by a push.
static NOBODY: bytes::Bytes = bytes::Bytes::new();

/// The push form of the flat dialect.
pub struct FlatForm;

/// The push form of the domain dialect.
pub struct DomainForm;

/// The flat dialect's form.
pub static FLAT: FlatForm = FlatForm;

/// The domain dialect's form.
pub static DOMAIN: DomainForm = DomainForm;

impl Form for FlatForm {
    fn number(&self) -> usize {
        0
    }

    fn encode(&self, what: &What, out: &mut Vec<u8>) {
        match what {
            What::Change(change) => flat_change(change, out),
            What::Presence(change) => flat_presence(change, out),
        }
        out.extend_from_slice(b"}\n");
    }
}

impl Form for DomainForm {
    fn number(&self) -> usize {
        1
    }

    fn encode(&self, what: &What, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"command\":\"mon-push\",\"return\":");
        match what {
            What::Change(change) => domain_change(change, out),
            What::Presence(change) => domain_presence(change, out),
        }
        out.extend_from_slice(b"}}\n");
    }
}

fn flat_change(change: &OwnedChange, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"cmd\":");
    write_string(change.command(), out);
    out.extend_from_slice(b",\"key\":");
    write_bytes(change.key(), out);
    out.extend_from_slice(b",\"args\":");
    write_list(change.args(), out);
    if let Some(actor) = change.actor() {
        out.extend_from_slice(b",\"id\":");
        write_bytes(actor, out);
    }
    write_revision("rev", change.rev, out);
}

fn domain_change(change: &OwnedChange, out: &mut Vec<u8>) {
    out.push(b'{');
    write_domain_key(change.key(), out);
    out.extend_from_slice(b",\"values\":");
    write_list(change.args(), out);
    out.extend_from_slice(b",\"command\":");
    write_string(change.command(), out);
    write_revision("rev", change.rev, out);
}

fn flat_presence(change: &PresenceChange, out: &mut Vec<u8>) {
    let (command, id) = match &change.kind {
        PresenceKind::Added { id, .. } => ("eadd", id),
        PresenceKind::Removed { id } => ("erem", id),
        PresenceKind::Closed { id, .. } => ("eclose", id),
        PresenceKind::Lost => ("ereset", &NOBODY),
    };
    out.extend_from_slice(b"{\"cmd\":");
    write_string(command, out);
    out.extend_from_slice(b",\"key\":");
    write_bytes(&change.ekg, out);
    out.extend_from_slice(b",\"id\":");
    write_bytes(id, out);
    write_details(&change.kind, out);
    write_revision("erev", change.erev, out);
}

fn domain_presence(change: &PresenceChange, out: &mut Vec<u8>) {
    let (command, name) = match &change.kind {
        PresenceKind::Added { id, .. } => ("eadd", id),
        PresenceKind::Removed { id } => ("erem", id),
        PresenceKind::Closed { id, .. } => ("disconnect", id),
        PresenceKind::Lost => ("ereset", &NOBODY),
    };
    out.extend_from_slice(b"{\"key\":{");
    write_domain_key(&change.ekg, out);
    out.extend_from_slice(b",\"name\":");
    write_bytes(name, out);
    out.extend_from_slice(b"},\"values\":[],\"command\":");
    write_string(command, out);
    write_details(&change.kind, out);
    write_revision("erev", change.erev, out);
}

/// What only some changes of an EKG have to tell.
fn write_details(kind: &PresenceKind, out: &mut Vec<u8>) {
    match kind {
        PresenceKind::Added { replaces: Some(replaced), .. } => {
            out.extend_from_slice(b",\"replaces\":");
            write_bytes(replaced, out);
        }
        PresenceKind::Closed { cause, .. } => {
            out.extend_from_slice(b",\"cause\":");
            write_string(cause, out);
        }
        PresenceKind::Added { .. } | PresenceKind::Removed { .. } | PresenceKind::Lost => {}
    }
}

/// Writes `"domain":…,"id":…` of a flat key.
pub fn write_domain_key(flat: &[u8], out: &mut Vec<u8>) {
    let key = DomainKey::of_flat(flat);
    out.extend_from_slice(b"\"domain\":");
    match &key.domain {
        Some(domain) => write_bytes(domain, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"id\":");
    write_bytes(&key.id, out);
}

/// Writes a list of byte strings.
pub fn write_list<'a>(items: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_bytes(item, out);
    }
    out.push(b']');
}

/// Writes `,"rev":7`.
pub fn write_revision(name: &str, rev: Revision, out: &mut Vec<u8>) {
    out.push(b',');
    write_string(name, out);
    out.push(b':');
    write_unsigned(rev.0, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyrax_types::Change;

    fn text(form: &dyn Form, what: &What) -> String {
        let mut out = Vec::new();
        form.encode(what, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_change_is_pushed_as_it_was_sent() {
        let change = Change {
            key: b"td:tid",
            rev: Revision(9),
            command: "set",
            args: &[b"bar"],
            actor: Some(b"gopher"),
        };
        let what = What::Change(change.to_owned());
        assert_eq!(
            text(&FLAT, &what),
            "{\"cmd\":\"set\",\"key\":\"td:tid\",\"args\":[\"bar\"],\"id\":\"gopher\",\"rev\":9}\n"
        );
        assert_eq!(
            text(&DOMAIN, &what),
            "{\"command\":\"mon-push\",\"return\":{\"domain\":\"td\",\"id\":\"tid\",\"values\":[\"bar\"],\"command\":\"set\",\"rev\":9}}\n"
        );
    }

    #[test]
    fn a_disconnect_is_pushed_with_its_cause() {
        let kind = PresenceKind::Closed { id: "joseph".into(), cause: "timeout" };
        let what = What::Presence(PresenceChange { ekg: "td:tid".into(), erev: Revision(3), kind });
        assert_eq!(
            text(&FLAT, &what),
            "{\"cmd\":\"eclose\",\"key\":\"td:tid\",\"id\":\"joseph\",\"cause\":\"timeout\",\"erev\":3}\n"
        );
        assert_eq!(
            text(&DOMAIN, &what),
            "{\"command\":\"mon-push\",\"return\":{\"key\":{\"domain\":\"td\",\"id\":\"tid\",\"name\":\"joseph\"},\"values\":[],\"command\":\"disconnect\",\"cause\":\"timeout\",\"erev\":3}}\n"
        );
    }
}
