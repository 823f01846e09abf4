use sha2::{Digest, Sha256};

/// A UUID from what it names: the same parts give the same id on every machine and at every time.
///
/// The first 16 bytes of a SHA-256 over the parts, each with its length before it, with the version bits of UUID version 8.
pub(super) fn uuid(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0_u8; 16];
    for (byte, from) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = from;
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// How a resource of the bundle is named in references.
pub(super) fn urn(id: &str) -> String {
    format!("urn:uuid:{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_and_depends_on_every_part() {
        let id = uuid(&["Observation", "P-1f1f1f1f1f1f", "age"]);
        assert_eq!(id.len(), 36);
        assert_eq!((id.as_bytes()[14], b"89ab".contains(&id.as_bytes()[19])), (b'8', true), "{id}");
        assert_eq!(id, uuid(&["Observation", "P-1f1f1f1f1f1f", "age"]));
        assert_ne!(uuid(&["ab", "c"]), uuid(&["a", "bc"]), "parts do not run into each other");
    }
}
