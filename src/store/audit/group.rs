use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sqlx::Connection;

use super::{AuditPlace, Entry, append};
use crate::store::{Action, Backend, Error, Person, Store};

/// An entry that waits for the next commit.
struct Waiting {
    ticket: u64,
    who: Option<Person>,
    action: Action,
    subject: Option<String>,
    detail: Value,
}

#[derive(Default)]
struct Lists {
    next: u64,
    /// Requests that still want an answer.
    asking: HashSet<u64>,
    waiting: Vec<Waiting>,
    written: HashMap<u64, AuditPlace>,
}

/// Entries of requests that run at once, written by whichever of them gets SQLite's one writing connection first: one
/// commit, and one wait for the disk, for all of them.
#[derive(Clone, Default)]
pub(in crate::store) struct Queue(Arc<Mutex<Lists>>);

impl Queue {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue; given up when the request ends.
struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut lists = self.queue.lists();
        lists.asking.remove(&self.number);
        lists.waiting.retain(|waiting| waiting.ticket != self.number);
        lists.written.remove(&self.number);
    }
}

/// Entries taken out of the queue; what was not written goes back to its front.
struct Taken<'a> {
    queue: &'a Queue,
    entries: Vec<Waiting>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut lists = self.queue.lists();
        let later = std::mem::take(&mut lists.waiting);
        lists.waiting = std::mem::take(&mut self.entries);
        lists.waiting.extend(later);
    }
}

impl Store {
    /// Appends an entry on its own and returns its place once it is on the disk.
    ///
    /// # Errors
    /// [`Error::Database`] when the database refuses; then nothing may be shown.
    pub async fn audit(
        &self,
        who: Option<&Person>,
        action: Action,
        subject: Option<&str>,
        detail: &Value,
    ) -> Result<AuditPlace, Error> {
        if self.backend == Backend::Postgres {
            let mut tx = self.write().await?;
            let place = append(self, &mut tx, Entry { who, action, subject, detail }).await?;
            tx.commit().await?;
            return Ok(place);
        }
        let queue = &self.audit_queue;
        let ticket = {
            let mut lists = queue.lists();
            lists.next += 1;
            let number = lists.next;
            lists.asking.insert(number);
            let (who, subject, detail) = (who.cloned(), subject.map(ToOwned::to_owned), detail.clone());
            lists.waiting.push(Waiting { ticket: number, who, action, subject, detail });
            Ticket { queue, number }
        };
        // Nobody else writes while this connection is held: an entry is either written or back in the queue.
        let mut connection = self.writer.acquire().await?;
        if let Some(place) = queue.lists().written.remove(&ticket.number) {
            return Ok(place);
        }
        let mut taken = Taken { queue, entries: std::mem::take(&mut queue.lists().waiting) };
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut places = Vec::with_capacity(taken.entries.len());
        for each in &taken.entries {
            let entry = Entry {
                who: each.who.as_ref(),
                action: each.action,
                subject: each.subject.as_deref(),
                detail: &each.detail,
            };
            places.push((each.ticket, append(self, &mut tx, entry).await?));
        }
        tx.commit().await?;
        taken.entries.clear();
        let own = {
            let mut lists = queue.lists();
            places.retain(|(number, _)| lists.asking.contains(number));
            lists.written.extend(places);
            lists.written.remove(&ticket.number)
        };
        Ok(own.expect("the own entry was waiting, or had been written"))
    }
}
