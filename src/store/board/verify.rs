use serde_json::Value;
use sqlx::Row;

use super::decisions::{FIRST, sha256};
use super::{Error, canonical};
use crate::store::Store;

/// What is wrong with a signed decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The case.
    pub case_id: String,
    /// The version; 0 for a decision that is gone.
    pub version: i64,
    /// What was found.
    pub found: &'static str,
}

struct Stored {
    case_id: String,
    version: i64,
    statement: String,
    previous: String,
    hash: String,
}

impl Store {
    /// Checks every signed decision of one case, or of all: its hash, the chain of versions, and the audit log, which
    /// keeps every hash under its own key. Empty when nothing was altered.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn verify_decisions(&self, case_id: Option<&str>) -> Result<Vec<Damage>, Error> {
        let rows = sqlx::query(
            "SELECT case_id, version, statement, previous_sha256, sha256 FROM board_decision ORDER BY case_id, version",
        )
        .fetch_all(&self.pool)
        .await?;
        let stored: Vec<Stored> = rows
            .iter()
            .map(|row| {
                Ok(Stored {
                    case_id: row.try_get("case_id")?,
                    version: row.try_get("version")?,
                    statement: row.try_get("statement")?,
                    previous: row.try_get("previous_sha256")?,
                    hash: row.try_get("sha256")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
        let rows = sqlx::query("SELECT detail FROM audit WHERE action IN ('decided', 'decision-amended')")
            .fetch_all(&self.pool)
            .await?;
        let audited: Vec<(String, i64, String)> = rows
            .iter()
            .filter_map(|row| {
                let detail: Value = serde_json::from_str(&row.try_get::<String, _>("detail").ok()?).ok()?;
                let text = |field: &str| detail[field].as_str().map(str::to_owned);
                Some((text("case")?, detail["version"].as_i64()?, text("sha256")?))
            })
            .collect();
        let mut damages = damages(&stored, &audited);
        damages.retain(|damage| case_id.is_none_or(|asked| asked == damage.case_id));
        Ok(damages)
    }
}

fn damages(stored: &[Stored], audited: &[(String, i64, String)]) -> Vec<Damage> {
    let mut found = Vec::new();
    let mut before: Option<&Stored> = None;
    for one in stored {
        let earlier = before.filter(|earlier| earlier.case_id == one.case_id);
        let (version, previous) = earlier.map_or((1, FIRST), |earlier| (earlier.version + 1, earlier.hash.as_str()));
        let statement: Value = serde_json::from_str(&one.statement).unwrap_or_default();
        let tests = [
            (sha256(&one.statement) != one.hash, "the text is not the one that was signed"),
            (canonical(&statement) != one.statement, "the text is not in its signed form"),
            (
                statement["case"] != one.case_id.as_str() || statement["version"] != one.version,
                "the text belongs to another version",
            ),
            (one.version != version, "a version is missing before this one"),
            (
                one.previous != previous || statement["previous_sha256"] != previous,
                "it does not follow the version before",
            ),
            (
                !audited
                    .iter()
                    .any(|(case, version, hash)| *case == one.case_id && *version == one.version && *hash == one.hash),
                "the audit log knows another hash, or none",
            ),
        ];
        let say = |what| Damage { case_id: one.case_id.clone(), version: one.version, found: what };
        found.extend(tests.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| say(what)));
        before = Some(one);
    }
    for (case, version, _) in audited {
        if !stored.iter().any(|one| one.case_id == *case && one.version == *version) {
            found.push(Damage { case_id: case.clone(), version: *version, found: "a signed version is gone" });
        }
    }
    found
}
