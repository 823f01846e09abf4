use serde_json::json;
use sqlx::Row;

use super::cases::locked;
use super::{Error, ItemList, Tx, clean_text, record};
use crate::store::{Action, Person, Store};

/// What one person wrote about one item; never changed, only followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Item id.
    pub item: String,
    /// Place among the entries of the case, from 1.
    pub seq: i64,
    /// Highest place of this item's entries that the writer had seen, 0 for none.
    pub seen: i64,
    /// The value; empty when not obtainable.
    pub value: String,
    /// True when the writer says that there is no value to be had.
    pub not_obtainable: bool,
    /// A remark, or why there is no value.
    pub note: String,
    /// Person id.
    pub who_id: String,
    /// Name of the person.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// What a person writes about one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Item id.
    pub item: String,
    /// Highest place of this item's entries that the form showed.
    pub seen: i64,
    /// The value as typed.
    pub value: String,
    /// No value is to be had; then the note says why.
    pub not_obtainable: bool,
    /// A remark.
    pub note: String,
}

impl Entry {
    /// True when `other` says the same of the item, whoever wrote it.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.not_obtainable == other.not_obtainable && (self.not_obtainable || self.value == other.value)
    }
}

/// The next place in an append-only table of a locked case.
pub(super) async fn next_seq(tx: &mut Tx, statement: &'static str, case_id: &str) -> Result<i64, Error> {
    Ok(sqlx::query_scalar::<_, i64>(statement).bind(case_id).fetch_one(&mut **tx).await? + 1)
}

impl Store {
    /// Appends entries, all or none; two people at once both keep theirs.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every refused item, [`Error::NotFound`] for the case, [`Error::State`] once a decision
    /// is signed.
    pub async fn add_entries(&self, who: &Person, case_id: &str, new: &[NewEntry]) -> Result<(), Error> {
        let checked = check(new)?;
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        if case.state.is_decided() {
            return Err(Error::State { state: case.state });
        }
        let place = "SELECT COALESCE(MAX(seq), 0) FROM board_entry WHERE case_id = $1";
        let mut seq = next_seq(&mut tx, place, case_id).await?;
        for entry in &checked {
            sqlx::query(
                "INSERT INTO board_entry (case_id, seq, item, seen, value, not_obtainable, note, who_id, who, at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(case_id)
            .bind(seq)
            .bind(&entry.item)
            // Nobody has seen an entry that did not exist.
            .bind(entry.seen.clamp(0, seq - 1))
            .bind(&entry.value)
            .bind(i64::from(entry.not_obtainable))
            .bind(&entry.note)
            .bind(&who.id)
            .bind(&who.display_name)
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
            seq += 1;
        }
        let items: Vec<&str> = checked.iter().map(|entry| entry.item.as_str()).collect();
        record(self, &mut tx, who, Action::CaseEdited, &case.pseudonym, &json!({ "case": case_id, "items": items }))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every entry of a case, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn entries(&self, case_id: &str) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(
            "SELECT item, seq, seen, value, not_obtainable, note, who_id, who, at_ms FROM board_entry \
             WHERE case_id = $1 ORDER BY seq",
        )
        .bind(case_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Entry {
                    item: row.try_get("item")?,
                    seq: row.try_get("seq")?,
                    seen: row.try_get("seen")?,
                    value: row.try_get("value")?,
                    not_obtainable: row.try_get::<i64, _>("not_obtainable")? != 0,
                    note: row.try_get("note")?,
                    who_id: row.try_get("who_id")?,
                    who: row.try_get("who")?,
                    at_ms: row.try_get("at_ms")?,
                })
            })
            .collect()
    }
}

fn check(new: &[NewEntry]) -> Result<Vec<NewEntry>, Error> {
    let mut refused = Vec::new();
    let mut checked = Vec::new();
    for entry in new {
        let Some(item) = ItemList::standard().find(&entry.item) else {
            refused.push(("item".to_owned(), "an item of the list".to_owned()));
            continue;
        };
        let note = clean_text(&entry.note);
        let value = match (entry.not_obtainable, &note) {
            (true, Ok(note)) if note.is_empty() => Err("Say in the remark why there is no value.".to_owned()),
            (true, _) => Ok(String::new()),
            (false, _) => item.check(&entry.value),
        };
        match (value, note) {
            (Ok(value), Ok(note)) => checked.push(NewEntry { value, note, ..entry.clone() }),
            (Err(rule), _) | (_, Err(rule)) => refused.push((entry.item.clone(), rule)),
        }
    }
    if checked.is_empty() && refused.is_empty() {
        refused.push(("form".to_owned(), "Nothing was entered.".to_owned()));
    }
    if refused.is_empty() { Ok(checked) } else { Err(Error::Invalid(refused)) }
}
