use std::future::Future;

use serde_json::json;

use super::*;
use crate::store::audit::{Damage, GENESIS};

/// Changes the database as somebody who owns it could: without the triggers.
async fn tamper(store: &Store, statements: &[&'static str]) {
    let mut tx = store.write().await.unwrap();
    let (off, on) = match store.backend {
        Backend::Sqlite => (
            "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_no_replace; \
             DROP TRIGGER audit_head_forward; DROP TRIGGER audit_head_no_delete;",
            "",
        ),
        Backend::Postgres => (
            "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER;",
            "ALTER TABLE audit ENABLE TRIGGER USER; ALTER TABLE audit_head ENABLE TRIGGER USER;",
        ),
    };
    for statement in std::iter::once(&off).chain(statements).chain([&on]).filter(|text| !text.is_empty()) {
        sqlx::raw_sql(*statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn with_entries(store: &Store, count: i64) -> AuditPlace {
    let mut place = AuditPlace { seq: 0, hash: GENESIS.to_owned() };
    for number in 1..=count {
        place = store
            .audit(None, Action::ViewedReport, Some("P-0123456789AB"), &json!({ "number": number }))
            .await
            .unwrap();
    }
    place
}

#[test]
fn an_untouched_log_verifies_and_its_anchors_hold() {
    on_each("intact", |store| async move {
        let middle = with_entries(&store, 3).await;
        let last = with_entries(&store, 3).await;
        let anchors = [middle, last.clone(), AuditPlace { seq: 0, hash: GENESIS.to_owned() }];
        let found = store.verify_audit(&anchors).await.unwrap();
        assert_eq!((found.entries, &found.last, found.damages), (6, &last, vec![]));
        let text = last.to_string();
        assert_eq!(text.parse(), Ok(last));
        assert!("7:beef".parse::<AuditPlace>().is_err());
    });
}

#[test]
fn the_log_refuses_updates_deletions_and_replacements() {
    on_each("triggers", |store| async move {
        with_entries(&store, 2).await;
        let mut statements = vec![
            "UPDATE audit SET detail = '{}' WHERE seq = 1",
            "DELETE FROM audit WHERE seq = 2",
            "DELETE FROM audit",
            "DELETE FROM audit_head",
            "UPDATE audit_head SET seq = 1",
            "INSERT INTO audit (seq, at_ms, action, detail, previous, hash) VALUES (1, 1, 'x', '{}', 'p', 'h') \
             ON CONFLICT (seq) DO UPDATE SET action = 'x'",
        ];
        match store.backend {
            Backend::Sqlite => statements.push(
                "REPLACE INTO audit (seq, at_ms, action, detail, previous, hash) VALUES (1, 1, 'x', '{}', 'p', 'h')",
            ),
            Backend::Postgres => statements.push("TRUNCATE audit"),
        }
        for statement in statements {
            assert!(sqlx::raw_sql(statement).execute(&store.pool).await.is_err(), "{statement}");
        }
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, []);
    });
}

#[test]
fn every_way_of_tampering_is_found() {
    let insert = "INSERT INTO audit (seq, at_ms, action, detail, previous, hash) SELECT 7, at_ms, action, detail, \
         (SELECT hash FROM audit WHERE seq = 6), hash FROM audit WHERE seq = 6; UPDATE audit_head SET seq = 7";
    let swap = "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
         UPDATE audit SET seq = 4 WHERE seq = -1";
    let renumber = "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
         UPDATE audit SET seq = 4 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6; UPDATE audit_head SET seq = 5";
    let ways: [(&'static str, Damage); 16] = [
        ("UPDATE audit SET detail = '{\"number\":9}' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET subject = 'P-000000000000' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET subject = NULL WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET login = 'somebody' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET login = '' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET role = 'clinician' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET person_id = 'x' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET action = 'signed-in' WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("UPDATE audit SET previous = hash WHERE seq = 3", Damage::Unchained { seq: 3 }),
        ("UPDATE audit SET hash = previous WHERE seq = 3", Damage::Changed { seq: 3 }),
        ("DELETE FROM audit WHERE seq = 1", Damage::Missing { from: 1, to: 1 }),
        ("DELETE FROM audit WHERE seq IN (3, 4)", Damage::Missing { from: 3, to: 4 }),
        (insert, Damage::Changed { seq: 7 }),
        (swap, Damage::Unchained { seq: 3 }),
        (renumber, Damage::Unchained { seq: 3 }),
    ];
    for (number, (statement, first)) in ways.into_iter().enumerate() {
        on_each(&format!("tamper{number}"), |store| {
            let first = first.clone();
            async move {
                with_entries(&store, 6).await;
                tamper(&store, &[statement]).await;
                let found = store.verify_audit(&[]).await.unwrap().damages;
                assert_eq!(found.first(), Some(&first), "{statement}: {found:?}");
            }
        });
    }
}

#[test]
fn a_cut_end_is_found_by_the_count_and_else_by_an_anchor() {
    on_each("cut", |store| async move {
        let anchor = with_entries(&store, 6).await;
        tamper(&store, &["DELETE FROM audit WHERE seq > 4"]).await;
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, [Damage::Cut { last: 4, written: 6 }]);
        let back = "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)";
        let mut tx = store.write().await.unwrap();
        if store.backend == Backend::Postgres {
            sqlx::raw_sql("ALTER TABLE audit_head DISABLE TRIGGER USER").execute(&mut *tx).await.unwrap();
        }
        sqlx::raw_sql(back).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, [], "without an anchor this is a shorter log");
        let found = store.verify_audit(std::slice::from_ref(&anchor)).await.unwrap();
        assert_eq!(found.damages, [Damage::Anchor { seq: 6 }]);
        with_entries(&store, 4).await;
        let found = store.verify_audit(&[anchor]).await.unwrap();
        assert_eq!(found.damages, [Damage::Anchor { seq: 6 }], "other entries do not take its place");
    });
}

#[test]
fn a_log_written_with_another_key_is_not_ours() {
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("t.db").display());
        with_entries(&Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap(), 2).await;
        let other = Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap();
        let found = other.verify_audit(&[]).await.unwrap().damages;
        assert_eq!(found, [Damage::Changed { seq: 1 }, Damage::Changed { seq: 2 }]);
    });
}

#[test]
fn entries_written_at_once_form_one_chain() {
    on_each("chain", |store| async move {
        let writers = (0..24).map(|number| {
            let store = store.clone();
            async move {
                for _ in 0..4 {
                    store.audit(None, Action::ViewedReport, None, &json!({ "writer": number })).await.unwrap();
                }
            }
        });
        all(writers).await;
        let found = store.verify_audit(&[]).await.unwrap();
        assert_eq!((found.entries, found.damages), (96, vec![]));
    });
}

/// Polls every future in turn until all are done.
async fn all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut open: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(move |context| {
        open.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
