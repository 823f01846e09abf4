use std::fmt;
use std::str::FromStr;

use super::{AuditPlace, GENESIS};
use crate::store::{Error, Store};

/// Entries read at once.
const BATCH: i64 = 1000;

/// Damages listed; the first matters, and a forged log has thousands.
const LISTED: usize = 20;

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Entries are gone from the middle.
    Missing {
        /// First missing number.
        from: i64,
        /// Last missing number.
        to: i64,
    },
    /// An entry is not what was hashed: changed, inserted or moved, or hashed with another key.
    Changed {
        /// Its number.
        seq: i64,
    },
    /// An entry does not follow the one before it.
    Unchained {
        /// Its number.
        seq: i64,
    },
    /// The end is gone: the database counted further.
    Cut {
        /// Last number that is there.
        last: i64,
        /// Last number that was written.
        written: i64,
    },
    /// An anchor that was printed earlier is not in the log.
    Anchor {
        /// Its number.
        seq: i64,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { from, to } if from == to => write!(f, "entry {from} is missing"),
            Self::Missing { from, to } => write!(f, "entries {from} to {to} are missing"),
            Self::Changed { seq } => write!(f, "entry {seq} was changed, inserted or moved"),
            Self::Unchained { seq } => write!(f, "entry {seq} does not follow the one before it"),
            Self::Cut { last, written } => write!(f, "the log ends at {last}, but {written} was written"),
            Self::Anchor { seq } => write!(f, "the anchor at {seq} is not in the log"),
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries read.
    pub entries: i64,
    /// The last place, to be kept elsewhere as an anchor.
    pub last: AuditPlace,
    /// At most 20 damages, in order; none in a log as it was written.
    pub damages: Vec<Damage>,
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for AuditPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected NUMBER:HASH with 64 hexadecimal digits, found `{text}`");
        let (seq, hash) = text.trim().split_once(':').ok_or_else(expected)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 0).ok_or_else(expected)?;
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(expected());
        }
        Ok(Self { seq, hash: hash.to_lowercase() })
    }
}

impl Store {
    /// Reads the whole log and compares every entry with its keyed hash, its neighbour, the count and the `anchors`.
    ///
    /// Whoever can write to the database but not read the key can at most cut the end off and turn the count back;
    /// only an anchor kept elsewhere finds that. Whoever holds the key can write a new log; only an anchor finds that too.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer; damage is no error but in the answer.
    pub async fn verify_audit(&self, anchors: &[AuditPlace]) -> Result<Verified, Error> {
        let written: i64 = sqlx::query_scalar("SELECT seq FROM audit_head WHERE one = 1").fetch_one(&self.pool).await?;
        let mut found =
            Verified { entries: 0, last: AuditPlace { seq: 0, hash: GENESIS.to_owned() }, damages: Vec::new() };
        let mut seen: Vec<bool> = anchors.iter().map(|anchor| anchor.seq == 0).collect();
        loop {
            let lines = self.audit_after(found.last.seq, BATCH).await?;
            let full = lines.len() as i64 == BATCH;
            for line in lines {
                let (expected, mut damages) = (found.last.seq + 1, Vec::new());
                if line.seq > expected {
                    damages.push(Damage::Missing { from: expected, to: line.seq - 1 });
                } else if line.previous != found.last.hash {
                    damages.push(Damage::Unchained { seq: line.seq });
                }
                if line.hashed().hash(&self.audit_key) != line.hash {
                    damages.push(Damage::Changed { seq: line.seq });
                }
                for (anchor, seen) in anchors.iter().zip(&mut seen) {
                    *seen |= anchor.seq == line.seq && anchor.hash == line.hash;
                }
                found.damages.extend(damages);
                found.entries += 1;
                found.last = AuditPlace { seq: line.seq, hash: line.hash };
            }
            if !full {
                break;
            }
        }
        // Entries may have been appended while reading: the count was read first and only has to be reached.
        if found.last.seq < written {
            found.damages.push(Damage::Cut { last: found.last.seq, written });
        }
        let lost = anchors.iter().zip(seen).filter(|(_, seen)| !seen);
        found.damages.extend(lost.map(|(anchor, _)| Damage::Anchor { seq: anchor.seq }));
        found.damages.truncate(LISTED);
        Ok(found)
    }
}
