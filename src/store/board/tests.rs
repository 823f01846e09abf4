//! The board over a real database: SQLite always, PostgreSQL where `REGIMEN_TEST_POSTGRES` names one.

use super::*;
use crate::store::{AuditKey, Role};

fn person(name: &str, role: Role) -> Person {
    Person { id: name.to_owned(), login: name.to_owned(), display_name: format!("Dr {name}"), role }
}

fn ann() -> Person {
    person("ann", Role::Clinician)
}

fn ben() -> Person {
    person("ben", Role::Coordinator)
}

/// A database of its own, with the folder that must outlive it.
struct Bench {
    store: Store,
    _folder: tempfile::TempDir,
}

/// One bench per database: a SQLite file, and a schema of its own on PostgreSQL.
async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("board.db").display());
    benches.push(Bench { store: Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap(), _folder: folder });
    if let Some(url) = crate::store::tests::postgres("board").await {
        let store = Store::open(&url, AuditKey::fresh().unwrap()).await.unwrap();
        benches.push(Bench { store, _folder: tempfile::tempdir().unwrap() });
    }
    benches
}

fn new_case(pseudonym: &str) -> NewCase {
    NewCase {
        pseudonym: pseudonym.to_owned(),
        complexity: Complexity::Complex,
        blind: true,
        question: "Chemotherapy first?".to_owned(),
    }
}

fn entry(item: &str, seen: i64, value: &str) -> NewEntry {
    NewEntry { item: item.to_owned(), seen, value: value.to_owned(), not_obtainable: false, note: String::new() }
}

fn body() -> DecisionBody {
    DecisionBody {
        chosen: PlanName { id: "arm:Ctr".to_owned(), label: "Control".to_owned() },
        rejected: vec![Rejected {
            plan: PlanName { id: "arm:Pembro".to_owned(), label: "Pembrolizumab".to_owned() },
            code: "harm".to_owned(),
            text: String::new(),
        }],
        deviation: Deviation { code: "none".to_owned(), text: String::new() },
        attendees: vec!["Ann".to_owned()],
        expected: vec![Expected { outcome: "pcr".to_owned(), probability: 0.24, lower95: 0.16, upper95: 0.34 }],
        ..DecisionBody::default()
    }
}

/// A case that was discussed, by every step that leads there.
async fn discussed(store: &Store, pseudonym: &str) -> String {
    let id = store.open_case(&ben(), &new_case(pseudonym)).await.unwrap();
    store.move_case(&ben(), &id, 1, CaseState::DataComplete, "").await.unwrap();
    let meeting = store.add_meeting(&ben(), Day::parse("2026-12-03").unwrap(), "Thursday").await.unwrap();
    store.schedule(&ben(), &id, 2, &meeting).await.unwrap();
    store.move_case(&ben(), &id, 3, CaseState::Discussed, "").await.unwrap();
    id
}

#[actix_web::test]
async fn a_case_walks_from_new_to_followed_up_and_every_step_is_on_record() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-000000000001").await;
        assert_eq!(store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap(), 1);
        let case = store.case(&id).await.unwrap();
        assert_eq!((case.state, case.version), (CaseState::Decided, 5));
        store.move_case(&ben(), &id, 5, CaseState::FollowedUp, "pCR known").await.unwrap();
        let moves = store.case_moves(&id).await.unwrap();
        let states: Vec<CaseState> = moves.iter().map(|step| step.to).collect();
        assert_eq!(states, CaseState::ALL[1..]);
        assert_eq!(moves.last().unwrap().reason, "pCR known");
        let audited: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE subject = 'P-000000000001'")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert_eq!(audited, 6);
    }
}

#[actix_web::test]
async fn moves_that_are_not_allowed_or_were_made_from_an_older_version_change_nothing() {
    for Bench { store, .. } in &benches().await {
        let id = store.open_case(&ben(), &new_case("P-000000000002")).await.unwrap();
        let jump = store.move_case(&ben(), &id, 1, CaseState::Discussed, "").await;
        assert!(matches!(jump, Err(Error::Move { .. })), "{jump:?}");
        store.move_case(&ben(), &id, 1, CaseState::DataComplete, "").await.unwrap();
        let stale = store.move_case(&ann(), &id, 1, CaseState::New, "").await;
        assert!(matches!(stale, Err(Error::Stale { found: 1, current: 2 })), "{stale:?}");
        let signed = store.sign_decision(&ben(), &id, 0, &body(), "").await;
        assert!(matches!(signed, Err(Error::State { state: CaseState::DataComplete })), "{signed:?}");
        assert_eq!(store.case_moves(&id).await.unwrap().len(), 1);
        let nobody = store.move_case(&ben(), "ffff", 1, CaseState::New, "").await;
        assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
    }
}

#[actix_web::test]
async fn a_patient_has_one_open_case_and_may_have_another_after_the_decision() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-000000000003").await;
        let second = store.open_case(&ben(), &new_case("P-000000000003")).await;
        assert!(matches!(second, Err(Error::AlreadyOpen)), "{second:?}");
        store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap();
        store.open_case(&ben(), &new_case("P-000000000003")).await.unwrap();
        assert_eq!(store.cases().await.unwrap().len(), 2);
    }
}

#[actix_web::test]
async fn a_postponed_case_leaves_its_agenda_and_keeps_its_history() {
    for Bench { store, .. } in &benches().await {
        let first = discussed(store, "P-000000000004").await;
        store.postpone(&ben(), &first, 4, "LVEF missing").await.unwrap();
        assert!(store.agenda_lines().await.unwrap().is_empty());
        let case = store.case(&first).await.unwrap();
        assert_eq!((case.state, case.meeting_id.as_str()), (CaseState::DataComplete, ""));
        let meeting = store.meetings().await.unwrap().remove(0);
        store.schedule(&ben(), &first, 5, &meeting.id).await.unwrap();
        let second = store.open_case(&ben(), &new_case("P-000000000005")).await.unwrap();
        store.move_case(&ben(), &second, 1, CaseState::DataComplete, "").await.unwrap();
        store.schedule(&ben(), &second, 2, &meeting.id).await.unwrap();
        let version = store.meeting(&meeting.id).await.unwrap().version;
        store.reorder(&ben(), &meeting.id, version, &second, true).await.unwrap();
        let order: Vec<String> = store.agenda_lines().await.unwrap().into_iter().map(|line| line.case_id).collect();
        assert_eq!(order, [second.clone(), first]);
        let stale = store.reorder(&ben(), &meeting.id, version, &second, false).await;
        assert!(matches!(stale, Err(Error::Stale { .. })), "{stale:?}");
    }
}

#[actix_web::test]
async fn twenty_editors_at_once_lose_no_entry_no_comment_and_no_vote() {
    for Bench { store, .. } in &benches().await {
        let id = store.open_case(&ben(), &new_case("P-000000000006")).await.unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let (store, id) = (store.clone(), id.clone());
                actix_web::rt::spawn(async move {
                    let who = person(&format!("w{n}"), Role::Clinician);
                    let item = if n % 2 == 0 { "er_pct" } else { "pr_pct" };
                    store.add_entries(&who, &id, &[entry(item, 0, &n.to_string())]).await.unwrap();
                    store.add_comment(&who, &id, &format!("comment {n}")).await.unwrap();
                    store.vote(&who, &id, &format!("plan {n}"), "").await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let entries = store.entries(&id).await.unwrap();
        let mut values: Vec<i64> = entries.iter().map(|entry| entry.value.parse().unwrap()).collect();
        values.sort_unstable();
        assert_eq!(values, (0..20).collect::<Vec<i64>>());
        assert_eq!(store.comments(&id).await.unwrap().len(), 20);
        assert_eq!(store.votes(&id).await.unwrap().len(), 20);
        let found = Completeness::judge(&entries, |_| None);
        let er = found.items.iter().find(|standing| standing.item.id == "er_pct").unwrap();
        assert!(er.in_conflict());
        assert_eq!(er.heads.len(), 10);
    }
}

#[actix_web::test]
async fn one_refused_value_keeps_all_entries_of_a_form_out() {
    for Bench { store, .. } in &benches().await {
        let id = store.open_case(&ben(), &new_case("P-000000000007")).await.unwrap();
        let refused = store.add_entries(&ann(), &id, &[entry("ct", 0, "T2"), entry("er_pct", 0, "120")]).await;
        let Err(Error::Invalid(fields)) = refused else { panic!("{refused:?}") };
        assert_eq!(fields[0].0, "er_pct");
        assert!(store.entries(&id).await.unwrap().is_empty());
        let unexplained = NewEntry { not_obtainable: true, ..entry("gbrca", 0, "") };
        assert!(matches!(store.add_entries(&ann(), &id, &[unexplained]).await, Err(Error::Invalid(_))));
        assert!(matches!(store.add_entries(&ann(), &id, &[entry("sql", 0, "'; --")]).await, Err(Error::Invalid(_))));
    }
}

#[actix_web::test]
async fn a_form_from_the_future_cannot_hide_what_others_wrote() {
    for Bench { store, .. } in &benches().await {
        let id = store.open_case(&ben(), &new_case("P-000000000008")).await.unwrap();
        store.add_entries(&ann(), &id, &[entry("ct", i64::MAX, "T1")]).await.unwrap();
        store.add_entries(&ben(), &id, &[entry("ct", 0, "T2")]).await.unwrap();
        let found = Completeness::judge(&store.entries(&id).await.unwrap(), |_| None);
        assert!(found.items.iter().find(|standing| standing.item.id == "ct").unwrap().in_conflict());
    }
}

#[actix_web::test]
async fn blindness_ends_with_the_own_vote_and_never_with_that_of_another() {
    for Bench { store, .. } in &benches().await {
        let patient = "P-000000000009";
        let id = store.open_case(&ben(), &new_case(patient)).await.unwrap();
        assert!(store.is_blind(&ann(), patient).await.unwrap());
        store.vote(&ben(), &id, "Surgery first", "").await.unwrap();
        assert!(store.is_blind(&ann(), patient).await.unwrap());
        assert!(!store.is_blind(&ben(), patient).await.unwrap());
        assert!(!store.is_blind(&ann(), "P-0000000000FF").await.unwrap());
        store.vote(&ben(), &id, "Chemotherapy first", "seen the model").await.unwrap();
        let blind: Vec<bool> = store.votes(&id).await.unwrap().iter().map(|vote| vote.blind).collect();
        assert_eq!(blind, [true, false]);
        store.audit(Some(&ann()), Action::ViewedReport, Some(patient), &serde_json::json!({})).await.unwrap();
        store.vote(&ann(), &id, "Surgery first", "").await.unwrap();
        assert!(!store.votes(&id).await.unwrap()[2].blind, "she had opened the report before");
    }
}

#[actix_web::test]
async fn of_two_drafts_from_one_version_the_second_is_refused_and_the_first_is_kept() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-00000000000A").await;
        store.save_draft(&ann(), &id, 0, &DecisionBody { conditions: "hers".to_owned(), ..body() }).await.unwrap();
        let second = DecisionBody { conditions: "his".to_owned(), ..body() };
        let stale = store.save_draft(&ben(), &id, 0, &second).await;
        assert!(matches!(stale, Err(Error::Stale { found: 0, current: 1 })), "{stale:?}");
        let draft = store.draft(&id).await.unwrap();
        assert_eq!((draft.version, draft.who.as_str()), (1, "Dr ann"));
        assert_eq!(draft.body.unwrap().conditions, "hers");
    }
}

#[actix_web::test]
async fn a_decision_is_signed_once_and_amended_only_with_a_reason() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-00000000000B").await;
        store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap();
        let twice = store.sign_decision(&ben(), &id, 0, &body(), "again").await;
        assert!(matches!(twice, Err(Error::Stale { .. })), "{twice:?}");
        let silent = store.sign_decision(&ben(), &id, 1, &body(), " ").await;
        assert!(matches!(silent, Err(Error::Invalid(_))), "{silent:?}");
        let amended = DecisionBody { conditions: "after staging".to_owned(), ..body() };
        assert_eq!(store.sign_decision(&ben(), &id, 1, &amended, "staging was forgotten").await.unwrap(), 2);
        let versions = store.decisions(&id).await.unwrap();
        assert_eq!(versions.len(), 2);
        assert_eq!(versions[1].previous_sha256, versions[0].sha256);
        assert_eq!(versions[0].body.conditions, "");
        assert_eq!(versions[1].reason, "staging was forgotten");
        assert_eq!(versions[0].signer, "Dr ben (ben)");
        assert_eq!(store.verify_decisions(None).await.unwrap(), []);
    }
}

#[actix_web::test]
async fn signed_decisions_entries_and_votes_can_neither_be_changed_nor_deleted() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-00000000000C").await;
        store.add_entries(&ann(), &id, &[entry("ct", 0, "T2")]).await.unwrap();
        store.vote(&ann(), &id, "plan", "").await.unwrap();
        store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap();
        for statement in [
            "UPDATE board_decision SET statement = '{}'",
            "DELETE FROM board_decision",
            "UPDATE board_entry SET value = 'T1'",
            "DELETE FROM board_entry",
            "UPDATE board_vote SET plan = 'x'",
            "DELETE FROM board_move",
        ] {
            assert!(sqlx::query(statement).execute(&store.pool).await.is_err(), "{statement}");
        }
        assert_eq!(store.verify_decisions(None).await.unwrap(), []);
    }
}

/// Takes the guards off, as somebody with the database's own rights could.
async fn unguard(store: &Store) {
    let off: &[&'static str] = match store.backend {
        crate::store::Backend::Sqlite => {
            &["DROP TRIGGER board_decision_no_update", "DROP TRIGGER board_decision_no_delete"]
        }
        crate::store::Backend::Postgres => &["DROP TRIGGER board_decision_no_change ON board_decision"],
    };
    for statement in off {
        sqlx::query(*statement).execute(&store.pool).await.unwrap();
    }
}

#[actix_web::test]
async fn every_alteration_of_a_signed_decision_is_found_even_with_a_hash_made_anew() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-00000000000D").await;
        store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap();
        store.sign_decision(&ben(), &id, 1, &body(), "again").await.unwrap();
        unguard(store).await;
        let before = store.decisions(&id).await.unwrap();
        let forged = before[0].statement.replace("Control", "Contro1");
        let set = |statement: String, hash: String| {
            let (pool, id) = (store.pool.clone(), id.clone());
            async move {
                sqlx::query("UPDATE board_decision SET statement = $1, sha256 = $2 WHERE case_id = $3 AND version = 1")
                    .bind(statement)
                    .bind(hash)
                    .bind(id)
                    .execute(&pool)
                    .await
                    .unwrap();
            }
        };
        set(forged.clone(), before[0].sha256.clone()).await;
        let found = store.verify_decisions(Some(&id)).await.unwrap();
        assert!(found.iter().any(|damage| damage.version == 1 && damage.found.contains("not the one")), "{found:?}");
        set(forged.clone(), decisions::sha256(&forged)).await;
        let found = store.verify_decisions(None).await.unwrap();
        assert!(found.iter().any(|damage| damage.found.contains("audit log")), "{found:?}");
        assert!(found.iter().any(|damage| damage.version == 2 && damage.found.contains("follow")), "{found:?}");
        set(before[0].statement.clone(), before[0].sha256.clone()).await;
        assert_eq!(store.verify_decisions(None).await.unwrap(), []);
        sqlx::query("DELETE FROM board_decision WHERE version = 2").execute(&store.pool).await.unwrap();
        let found = store.verify_decisions(None).await.unwrap();
        assert!(found.iter().any(|damage| damage.found == "a signed version is gone"), "{found:?}");
    }
}

#[actix_web::test]
async fn outcomes_that_contradict_each_other_or_lie_ahead_are_refused() {
    for Bench { store, .. } in &benches().await {
        let id = discussed(store, "P-00000000000E").await;
        let outcome = |kind, value: &str, day: &str| NewOutcome {
            kind,
            value: value.to_owned(),
            dated_on: Day::parse(day).unwrap(),
            note: String::new(),
        };
        let pcr = outcome(OutcomeKind::Pcr, "yes", "2024-05-02");
        assert!(matches!(store.add_outcome(&ben(), &id, &pcr).await, Err(Error::State { .. })));
        store.sign_decision(&ben(), &id, 0, &body(), "").await.unwrap();
        store.add_outcome(&ben(), &id, &pcr).await.unwrap();
        for bad in [
            outcome(OutcomeKind::Rcb, "II", "2024-05-02"),
            outcome(OutcomeKind::Rcb, "IV", "2024-05-02"),
            outcome(OutcomeKind::Recurrence, "local", "2199-01-01"),
        ] {
            assert!(matches!(store.add_outcome(&ben(), &id, &bad).await, Err(Error::Invalid(_))), "{bad:?}");
        }
        store.add_outcome(&ben(), &id, &outcome(OutcomeKind::Rcb, "0", "2024-05-02")).await.unwrap();
        store.add_outcome(&ben(), &id, &outcome(OutcomeKind::Death, "another cause", "2025-01-01")).await.unwrap();
        let late = outcome(OutcomeKind::Recurrence, "distant", "2025-02-01");
        assert!(matches!(store.add_outcome(&ben(), &id, &late).await, Err(Error::Invalid(_))));
        let known = store.outcomes(&id).await.unwrap();
        assert_eq!(known.0.len(), 3);
        assert_eq!(known.latest(OutcomeKind::Pcr).unwrap().value, "yes");
    }
}
