//! How a domain and an identifier meet on one flat key.

/// Keys of Hyrax's own in an engine (leases, presence, stored secrets) begin with this. No door
/// lets a client name one.
pub const RESERVED_PREFIX: &[u8] = b"\0hyrax/";

/// The first key after all those.
pub const RESERVED_END: &[u8] = b"\0hyrax0";

/// Whether a key belongs to Hyrax itself.
pub fn is_reserved(key: &[u8]) -> bool {
    key.starts_with(RESERVED_PREFIX)
}

/// A key as the domain dialect names it.
///
/// The flat form is `domain:id`, with `%` and `:` inside the domain percent-encoded, so that the map
/// is one to one. A flat key without `:` has no domain; an empty domain is `:id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainKey {
    /// The domain, or `None` where the flat key has none.
    pub domain: Option<Vec<u8>>,
    /// The identifier within the domain.
    pub id: Vec<u8>,
}

impl DomainKey {
    /// The flat key of `domain` and `id`.
    pub fn flat(domain: Option<&[u8]>, id: &[u8]) -> Vec<u8> {
        let Some(domain) = domain else { return id.to_vec() };
        let mut flat = Vec::with_capacity(domain.len() + 1 + id.len());
        for &byte in domain {
            match byte {
                b'%' => flat.extend_from_slice(b"%25"),
                b':' => flat.extend_from_slice(b"%3A"),
                _ => flat.push(byte),
            }
        }
        flat.push(b':');
        flat.extend_from_slice(id);
        flat
    }

    /// The domain and identifier of a flat key.
    pub fn of_flat(flat: &[u8]) -> DomainKey {
        let Some(colon) = flat.iter().position(|&byte| byte == b':') else {
            return DomainKey { domain: None, id: flat.to_vec() };
        };
        let mut domain = Vec::with_capacity(colon);
        let mut rest = &flat[..colon];
        while let Some((&byte, tail)) = rest.split_first() {
            let (decoded, used) = match tail {
                [b'2', b'5', ..] if byte == b'%' => (b'%', 3),
                [b'3', b'A', ..] if byte == b'%' => (b':', 3),
                _ => (byte, 1),
            };
            domain.push(decoded);
            rest = &rest[used..];
        }
        DomainKey { domain: Some(domain), id: flat[colon + 1..].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(domain: Option<&str>, id: &str, flat: &str) {
        assert_eq!(DomainKey::flat(domain.map(str::as_bytes), id.as_bytes()), flat.as_bytes());
        let back = DomainKey::of_flat(flat.as_bytes());
        assert_eq!(back.domain.as_deref(), domain.map(str::as_bytes));
        assert_eq!(back.id, id.as_bytes());
    }

    #[test]
    fn flat_keys_and_domain_keys_are_one_to_one() {
        check(Some("td"), "tid", "td:tid");
        check(None, "tid", "tid");
        check(Some(""), "x", ":x");
        check(Some("a:b%3A"), "c:d%", "a%3Ab%253A:c:d%");
        check(Some("td"), "", "td:");
    }
}
