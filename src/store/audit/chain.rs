use sha2::{Digest, Sha256};

use super::AuditKey;
use crate::store::random::hex;

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as it is hashed and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) person_id: Option<String>,
    pub(super) login: Option<String>,
    pub(super) role: Option<String>,
    pub(super) action: String,
    pub(super) subject: Option<String>,
    pub(super) detail: String,
    pub(super) previous: String,
}

impl Line {
    /// HMAC-SHA256 over every field, each preceded by its length, so that no two lines share an encoding.
    pub(super) fn hash(&self, key: &AuditKey) -> String {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(b"regimen audit 1\0");
        message.extend_from_slice(&self.seq.to_be_bytes());
        message.extend_from_slice(&self.at_ms.to_be_bytes());
        let optional = [&self.person_id, &self.login, &self.role, &self.subject];
        for field in optional {
            match field {
                None => message.push(0),
                Some(text) => {
                    message.push(1);
                    put(&mut message, text);
                }
            }
        }
        for text in [&self.action, &self.detail, &self.previous] {
            put(&mut message, text);
        }
        hex(&hmac_sha256(key.bytes(), &message))
    }
}

fn put(message: &mut Vec<u8>, text: &str) {
    message.extend_from_slice(&(text.len() as u64).to_be_bytes());
    message.extend_from_slice(text.as_bytes());
}

/// HMAC-SHA256 with a key of 32 bytes.
///
/// # Source
/// RFC 2104 section 2.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(key);
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_a_published_key_and_message() {
        // RFC 4868 section 2.7.1, AUTH256-1 and AUTH256-3: keys of 32 bytes.
        assert_eq!(
            hex(&hmac_sha256(&[0x0b; 32], b"Hi There")),
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
        );
        assert_eq!(
            hex(&hmac_sha256(&[0xaa; 32], &[0xdd; 50])),
            "cdcb1220d1ecccea91e53aba3092f962e549fe6ce9ed7fdc43191fbde45c30b0"
        );
    }
}
