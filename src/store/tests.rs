//! The store on SQLite always, and on PostgreSQL where `REGIMEN_TEST_POSTGRES` holds the address of an empty database.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use sqlx::Row;

use super::audit::{Damage, GENESIS};
use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";
const MINUTE: i64 = 60 * 1000;

/// Runs a test on every database there is, each time on an empty one.
fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(Store) -> F) {
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("t.db").display());
        test(Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap()).await;
        match postgres(name).await {
            Some(url) => test(Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap()).await,
            None => println!("skipped: {name} on PostgreSQL: REGIMEN_TEST_POSTGRES is not set"),
        }
    });
}

/// The address of a fresh schema of its own for one test.
pub(crate) async fn postgres(name: &str) -> Option<String> {
    let url = std::env::var("REGIMEN_TEST_POSTGRES").ok().filter(|url| !url.is_empty())?;
    let schema = format!("t_{name}_{}", new_id());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.expect("REGIMEN_TEST_POSTGRES is the address of a database");
    let sql = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(sql).execute(&pool).await.expect("the schema is new");
    pool.close().await;
    let joint = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{joint}options=-c%20search_path%3D{schema}"))
}

async fn add(store: &Store, login: &str, role: Role) -> Person {
    let hashed = HashedPassword::new(PASSWORD, login).unwrap();
    store.add_person(None, NewPerson { login, display_name: login, role }, &hashed).await.unwrap()
}

async fn try_in(store: &Store, login: &str, password: &str) -> Result<String, Refusal> {
    match store.begin_sign_in(login, HERE).await.unwrap() {
        Err(refusal) => Err(refusal),
        Ok(tried) => store.finish_sign_in(tried.look_at(password), None).await.unwrap(),
    }
}

async fn actions(store: &Store) -> Vec<String> {
    let mut lines = store.audit_after(0, 1000).await.unwrap();
    lines.drain(..).map(|line| line.action).collect()
}

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
fn a_database_is_opened_again_with_everything_in_it() {
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ?#%41ä.db");
        let url = format!("sqlite:{}", file.display());
        let key = AuditKey::read_or_create(&folder.path().join("key")).unwrap();
        let store = Store::open(&url, key.clone()).await.unwrap();
        assert!(file.is_file(), "the name is taken as it is");
        add(&store, "anna", Role::Clinician).await;
        store.close().await;
        let store = Store::open(&url, key).await.unwrap();
        assert!(store.has_people().await.unwrap());
        assert_eq!(store.verify_audit(&[]).await.unwrap().damages, []);
        for (pragma, value) in [("PRAGMA synchronous", 2_i64), ("PRAGMA foreign_keys", 1)] {
            let row = sqlx::query(pragma).fetch_one(&store.pool).await.unwrap();
            assert_eq!(row.get::<i64, _>(0), value, "{pragma}");
        }
        let mode: String = sqlx::query("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap().get(0);
        assert_eq!(mode, "wal");
    });
}

#[test]
fn files_are_for_their_owner_only_and_an_open_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    sqlx::test_block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (file, key_file) = (folder.path().join("r.db"), folder.path().join("key"));
        let key = AuditKey::read_or_create(&key_file).unwrap();
        Store::open(&format!("sqlite:{}", file.display()), key).await.unwrap();
        for path in [&file, &key_file] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AuditKey::read(&key_file), Err(Error::Key { .. })));
        std::fs::write(&key_file, "short").unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(AuditKey::read_or_create(&key_file), Err(Error::Key { .. })));
    });
}

#[test]
fn other_addresses_and_later_databases_are_refused() {
    sqlx::test_block_on(async {
        let key = AuditKey::fresh().unwrap();
        for url in ["mysql://localhost/x", "r.db", "", "http://x"] {
            assert!(matches!(Store::open(url, key.clone()).await, Err(Error::Scheme { .. })), "{url}");
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("r.db").display());
        let store = Store::open(&url, key.clone()).await.unwrap();
        sqlx::raw_sql("INSERT INTO schema_version (version) VALUES (900)").execute(&store.pool).await.unwrap();
        assert!(matches!(Store::open(&url, key).await, Err(Error::Newer { found: 900, .. })));
    });
}

#[test]
fn sessions_end_when_idle_after_twelve_hours_and_at_sign_out() {
    on_each("sessions", |store| async move {
        let anna = add(&store, "anna", Role::Clinician).await;
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        let stored: String =
            sqlx::query_scalar("SELECT token_hash FROM sessions").fetch_one(&store.pool).await.unwrap();
        assert_ne!(stored, token, "the database alone opens no session");
        assert_eq!(store.session(&token).await.unwrap().unwrap().person, anna);
        assert_eq!(store.session(&stored).await.unwrap(), None);
        store.pass(29 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_some(), "29 idle minutes");
        store.pass(29 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_some(), "the last request counts");
        store.pass(31 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_none(), "31 idle minutes");
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        for _ in 0..26 {
            assert!(store.session(&token).await.unwrap().is_some());
            store.pass(27 * MINUTE + MINUTE / 2);
        }
        assert!(store.session(&token).await.unwrap().is_some(), "11 h 55 min");
        store.pass(6 * MINUTE);
        assert!(store.session(&token).await.unwrap().is_none(), "12 hours");
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        store.sign_out(&anna, &token).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "signed out");
    });
}

#[test]
fn a_login_waits_after_five_failures_longer_each_time_known_or_not() {
    on_each("lockout", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for login in ["anna", "nobody"] {
            for _ in 0..4 {
                assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong));
            }
            assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong), "the fifth is looked at");
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wait { seconds: 30 }), "{login}");
            store.pass(31_000);
            assert_eq!(try_in(&store, login, "wrong").await, Err(Refusal::Wrong));
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wait { seconds: 60 }), "{login}");
            store.pass(61_000);
        }
        assert!(try_in(&store, "anna", PASSWORD).await.is_ok(), "the right password after the wait");
        for _ in 0..4 {
            assert_eq!(try_in(&store, "anna", "wrong").await, Err(Refusal::Wrong), "a success starts again");
        }
        let log = actions(&store).await;
        assert_eq!(log.iter().filter(|action| *action == "locked-out").count(), 4);
        assert!(!log.iter().any(|action| action.contains("nobody")));
        let all = format!("{:?}", store.audit_after(0, 1000).await.unwrap());
        assert!(!all.contains("nobody"), "a text that is no login is not written down");
    });
}

#[test]
fn tries_sent_at_once_are_all_counted() {
    on_each("at_once", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        let mut open = Vec::new();
        for _ in 0..20 {
            open.extend(store.begin_sign_in("anna", HERE).await.unwrap().ok());
        }
        assert_eq!(open.len(), 5, "no more than five passwords are looked at");
    });
}

#[test]
fn one_address_waits_after_thirty_failures_and_another_does_not() {
    on_each("address", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for number in 0..30 {
            assert_eq!(try_in(&store, &format!("guess{number}"), "wrong").await, Err(Refusal::Wrong));
        }
        assert!(matches!(try_in(&store, "anna", PASSWORD).await, Err(Refusal::Wait { .. })));
        let elsewhere: IpAddr = "10.1.2.3".parse().unwrap();
        let tried = store.begin_sign_in("anna", elsewhere).await.unwrap().unwrap();
        assert!(store.finish_sign_in(tried.look_at(PASSWORD), None).await.unwrap().is_ok());
    });
}

#[test]
fn injected_sql_is_only_a_wrong_login() {
    on_each("injection", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        for login in ["anna'--", "' OR '1'='1", "anna\"; DROP TABLE people; --", "anna' UNION SELECT 1,2,3,4 --", "\0"]
        {
            assert_eq!(try_in(&store, login, PASSWORD).await, Err(Refusal::Wrong), "{login:?}");
        }
        assert!(store.has_people().await.unwrap());
    });
}

#[test]
fn a_sign_in_replaces_the_session_that_was_there() {
    on_each("fixation", |store| async move {
        add(&store, "anna", Role::Clinician).await;
        let before = try_in(&store, "anna", PASSWORD).await.unwrap();
        let tried = store.begin_sign_in("anna", HERE).await.unwrap().unwrap();
        let after = store.finish_sign_in(tried.look_at(PASSWORD), Some(&before)).await.unwrap().unwrap();
        assert_ne!(before, after);
        assert!(store.session(&before).await.unwrap().is_none());
        assert!(store.session(&after).await.unwrap().is_some());
    });
}

#[test]
fn disabling_resetting_and_changing_a_role_end_every_session() {
    on_each("changes", |store| async move {
        let root = add(&store, "root", Role::Administrator).await;
        let anna = add(&store, "anna", Role::Clinician).await;
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        store.set_role(Some(&root), &anna.id, Role::Coordinator).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none());
        let token = try_in(&store, "anna", PASSWORD).await.unwrap();
        assert_eq!(store.session(&token).await.unwrap().unwrap().person.role, Role::Coordinator);
        let (initial, hashed) = HashedPassword::initial().unwrap();
        store.reset_password(Some(&root), &anna.id, &hashed).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none());
        assert_eq!(try_in(&store, "anna", PASSWORD).await, Err(Refusal::Wrong));
        let token = try_in(&store, "anna", &initial).await.unwrap();
        assert!(store.session(&token).await.unwrap().unwrap().must_change);
        let new = HashedPassword::new("another good password", "anna").unwrap();
        let change = async |current: &str| {
            let tried = store.begin_sign_in("anna", HERE).await.unwrap().unwrap();
            store.change_password(&anna, tried.look_at(current), &new).await.unwrap()
        };
        assert_eq!(change("not the current one").await, Err(Refusal::Wrong));
        let rotated = change(&initial).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "the id changes with the password");
        assert!(!store.session(&rotated).await.unwrap().unwrap().must_change);
        store.set_disabled(Some(&root), &anna.id, true).await.unwrap();
        assert!(store.session(&rotated).await.unwrap().is_none());
        assert_eq!(try_in(&store, "anna", "another good password").await, Err(Refusal::Wrong));
        assert!(matches!(
            store
                .add_person(Some(&root), NewPerson { login: "anna", display_name: "A", role: Role::Clinician }, &new)
                .await,
            Err(Error::Taken)
        ));
        assert!(matches!(store.set_disabled(Some(&root), "no such id", true).await, Err(Error::NoPerson)));
    });
}

#[test]
fn nobody_removes_the_last_administrator_or_changes_the_own_account() {
    on_each("last", |store| async move {
        let root = add(&store, "root", Role::Administrator).await;
        let before = actions(&store).await;
        assert!(matches!(store.set_disabled(None, &root.id, true).await, Err(Error::LastAdministrator)));
        assert!(matches!(store.set_role(None, &root.id, Role::Clinician).await, Err(Error::LastAdministrator)));
        assert!(matches!(store.set_disabled(Some(&root), &root.id, true).await, Err(Error::Own)));
        assert_eq!(actions(&store).await, before, "a refused change leaves no entry");
        let second = add(&store, "second", Role::Administrator).await;
        store.set_disabled(Some(&second), &root.id, true).await.unwrap();
        assert!(matches!(store.set_role(None, &second.id, Role::Clinician).await, Err(Error::LastAdministrator)));
    });
}

#[test]
fn the_set_up_code_makes_one_administrator_once() {
    on_each("setup", |store| async move {
        let code = store.setup_code().await.unwrap().unwrap();
        let hashed = HashedPassword::new(PASSWORD, "root").unwrap();
        let wrong = store.set_up("00000-00000-00000-00000", "root", "Root", &hashed).await;
        assert!(matches!(wrong, Err(Error::SetupCode)));
        assert!(!store.has_people().await.unwrap());
        let (person, token) = store.set_up(&code, "root", "Root", &hashed).await.unwrap();
        assert_eq!(person.role, Role::Administrator);
        assert!(store.session(&token).await.unwrap().is_some());
        assert!(matches!(store.set_up(&code, "evil", "Evil", &hashed).await, Err(Error::SetupCode)));
        assert_eq!(store.setup_code().await.unwrap(), None);
        assert_eq!(actions(&store).await, ["set-up"]);
    });
}

#[test]
fn a_set_up_code_is_good_for_a_day() {
    on_each("setup_old", |store| async move {
        let code = store.setup_code().await.unwrap().unwrap();
        store.pass(25 * 60 * MINUTE);
        let hashed = HashedPassword::new(PASSWORD, "root").unwrap();
        assert!(matches!(store.set_up(&code, "root", "Root", &hashed).await, Err(Error::SetupCode)));
    });
}

#[test]
fn identities_are_linked_by_subject_and_never_take_an_account_of_the_same_name() {
    on_each("identities", |store| async move {
        let anna = add(&store, "anna", Role::Clinician).await;
        let identity = |subject, role| Identity {
            issuer: "https://id.example",
            subject,
            login: Some("Anna"),
            display_name: Some("Anna Elsewhere"),
            role,
            default_role: None,
        };
        assert!(matches!(store.sign_in_identity(identity("1", None), None).await, Err(Error::NoPerson)));
        let token = store.sign_in_identity(identity("1", Some(Role::DataScientist)), None).await.unwrap();
        let other = store.session(&token).await.unwrap().unwrap().person;
        assert_ne!(other.id, anna.id);
        assert!(other.login.starts_with("oidc-"), "{}", other.login);
        let again = store.sign_in_identity(identity("1", Some(Role::Coordinator)), None).await.unwrap();
        assert!(store.session(&token).await.unwrap().is_none(), "a new role ends older sessions");
        let person = store.session(&again).await.unwrap().unwrap().person;
        let by_default = Identity { default_role: Some(Role::Clinician), ..identity("1", None) };
        let third = store.sign_in_identity(by_default, None).await.unwrap();
        assert_eq!(store.session(&third).await.unwrap().unwrap().person.role, Role::Coordinator, "no demotion");
        assert_eq!((person.id.as_str(), person.role), (other.id.as_str(), Role::Coordinator));
        assert!(matches!(store.link_identity(&anna, "https://id.example", "1").await, Err(Error::Taken)));
        store.link_identity(&anna, "https://id.example", "2").await.unwrap();
        let token = store.sign_in_identity(identity("2", None), None).await.unwrap();
        assert_eq!(store.session(&token).await.unwrap().unwrap().person, anna);
        assert!(matches!(
            store.sign_in_identity(Identity { issuer: "https://evil.example", ..identity("2", None) }, None).await,
            Err(Error::NoPerson)
        ));
        add(&store, "root", Role::Administrator).await;
        store.set_disabled(None, &anna.id, true).await.unwrap();
        assert!(matches!(store.sign_in_identity(identity("2", None), None).await, Err(Error::NoPerson)));
    });
}

#[test]
fn what_was_begun_is_finished_once_and_not_too_late() {
    on_each("flows", |store| async move {
        store.put_flow("state", "{\"nonce\":\"n\"}", 10 * MINUTE).await.unwrap();
        assert_eq!(store.take_flow("other").await.unwrap(), None);
        assert_eq!(store.take_flow("state").await.unwrap().as_deref(), Some("{\"nonce\":\"n\"}"));
        assert_eq!(store.take_flow("state").await.unwrap(), None);
        store.put_flow("late", "x", 10 * MINUTE).await.unwrap();
        store.pass(11 * MINUTE);
        assert_eq!(store.take_flow("late").await.unwrap(), None);
    });
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
