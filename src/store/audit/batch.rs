use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::{AuditPlace, chain};
use crate::store::{Action, Error, Person, Store};

/// Most entries of one transaction.
const MAX_BATCH: usize = 128;

/// Entries of one statement.
const ROWS: usize = 32;

/// Entries that wait to be written together: one commit for many readers instead of one each.
///
/// Whoever finds nobody writing writes all that wait, itself included; an entry counts as written only once the commit is
/// on the disk. A writer that is cut off puts back what it had taken, so that no waiting entry is lost.
#[derive(Debug, Default)]
pub(in crate::store) struct Batch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Ticket>>,
    led: bool,
}

/// One entry and what became of it.
#[derive(Debug)]
struct Ticket {
    who: Option<Person>,
    action: Action,
    subject: Option<String>,
    detail: String,
    outcome: Mutex<Outcome>,
}

#[derive(Debug, Default)]
struct Outcome {
    waker: Option<Waker>,
    done: Option<Result<AuditPlace, Error>>,
}

/// Locks, also after a panic elsewhere: the state is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to write, and what was taken for it.
struct Lead<'a> {
    batch: &'a Batch,
    taken: Vec<Arc<Ticket>>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.batch.state);
        for ticket in self.taken.drain(..).rev() {
            state.waiting.push_front(ticket);
        }
        state.led = false;
        for ticket in &state.waiting {
            if let Some(waker) = lock(&ticket.outcome).waker.take() {
                waker.wake();
            }
        }
    }
}

impl Batch {
    fn lead(&self) -> Option<Lead<'_>> {
        let mut state = lock(&self.state);
        if state.led {
            return None;
        }
        state.led = true;
        let n = state.waiting.len().min(MAX_BATCH);
        Some(Lead { batch: self, taken: state.waiting.drain(..n).collect() })
    }

    /// Waits until the entry is written or nobody writes.
    async fn changed(&self, ticket: &Ticket) {
        poll_fn(|context| {
            let state = lock(&self.state);
            let mut outcome = lock(&ticket.outcome);
            if outcome.done.is_some() || !state.led {
                return Poll::Ready(());
            }
            outcome.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Lead<'_> {
    async fn write(mut self, store: &Store) {
        let written = write_all(store, &self.taken).await;
        let taken = std::mem::take(&mut self.taken);
        let failure = written.as_ref().err().cloned();
        let mut places = written.unwrap_or_default().into_iter();
        for ticket in taken {
            let done = match (places.next(), &failure) {
                (Some(place), None) => Ok(place),
                (_, Some(source)) => Err(Error::Shared { source: Arc::clone(source) }),
                (None, None) => Err(Error::Stored { table: "audit", column: "seq" }),
            };
            let mut outcome = lock(&ticket.outcome);
            outcome.done = Some(done);
            if let Some(waker) = outcome.waker.take() {
                waker.wake();
            }
        }
    }
}

async fn write_all(store: &Store, tickets: &[Arc<Ticket>]) -> Result<Vec<AuditPlace>, Arc<Error>> {
    let mut tx = store.write().await.map_err(Arc::new)?;
    let places = append_all(store, &mut tx, tickets).await.map_err(Arc::new)?;
    tx.commit().await.map_err(|error| Arc::new(Error::from(error)))?;
    Ok(places)
}

/// Appends the entries in order: the head is moved once, which also keeps other writers out until the commit.
async fn append_all(
    store: &Store,
    tx: &mut Transaction<'static, Any>,
    tickets: &[Arc<Ticket>],
) -> Result<Vec<AuditPlace>, Error> {
    let n = tickets.len() as i64;
    let (last, mut previous): (i64, String) =
        sqlx::query_as("UPDATE audit_head SET seq = seq + $1 WHERE one = 1 RETURNING seq, hash")
            .bind(n)
            .fetch_one(&mut **tx)
            .await?;
    let at_ms = store.now_ms();
    let mut lines = Vec::with_capacity(tickets.len());
    for (seq, ticket) in (last - n + 1..).zip(tickets) {
        let line = chain::Line {
            seq,
            at_ms,
            person_id: ticket.who.as_ref().map(|who| who.id.clone()),
            login: ticket.who.as_ref().map(|who| who.login.clone()),
            role: ticket.who.as_ref().map(|who| who.role.as_str().to_owned()),
            action: ticket.action.as_str().to_owned(),
            subject: ticket.subject.clone(),
            detail: ticket.detail.clone(),
            previous,
        };
        let hash = line.hash(&store.audit_key);
        previous = hash.clone();
        lines.push((line, hash));
    }
    for rows in lines.chunks(ROWS) {
        let places: Vec<String> = (0..rows.len())
            .map(|row| {
                let cells: Vec<String> = (1..=10).map(|cell| format!("${}", 10 * row + cell)).collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        let sql = format!(
            "INSERT INTO audit (seq, at_ms, person_id, login, role, action, subject, detail, previous, hash) VALUES {}",
            places.join(", ")
        );
        // Only numbers of parameters enter the text.
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for (line, hash) in rows {
            insert = insert
                .bind(line.seq)
                .bind(line.at_ms)
                .bind(line.person_id.clone())
                .bind(line.login.clone())
                .bind(line.role.clone())
                .bind(line.action.clone())
                .bind(line.subject.clone())
                .bind(line.detail.clone())
                .bind(line.previous.clone())
                .bind(hash.clone());
        }
        insert.execute(&mut **tx).await?;
    }
    sqlx::query("UPDATE audit_head SET hash = $1 WHERE one = 1").bind(&previous).execute(&mut **tx).await?;
    Ok(lines.into_iter().map(|(line, hash)| AuditPlace { seq: line.seq, hash }).collect())
}

/// Appends an entry, together with whatever else waits, and returns its place once it is on the disk.
pub(super) async fn append_shared(
    store: &Store,
    who: Option<&Person>,
    action: Action,
    subject: Option<&str>,
    detail: &serde_json::Value,
) -> Result<AuditPlace, Error> {
    let ticket = Arc::new(Ticket {
        who: who.cloned(),
        action,
        subject: subject.map(str::to_owned),
        detail: detail.to_string(),
        outcome: Mutex::default(),
    });
    lock(&store.batch.state).waiting.push_back(Arc::clone(&ticket));
    loop {
        if let Some(done) = lock(&ticket.outcome).done.take() {
            return done;
        }
        match store.batch.lead() {
            Some(lead) => lead.write(store).await,
            None => store.batch.changed(&ticket).await,
        }
    }
}
