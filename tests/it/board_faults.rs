//! SIGKILL under load: nothing that the board acknowledged is lost, and nothing is half written.
//!
//! The child is this very test binary, asked for the one test that writes; its parent kills it in the middle of
//! writing, again and again, and then reads what is there. SQLite always, PostgreSQL where `REGIMEN_TEST_POSTGRES`
//! holds the address of a database.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use actix_web::rt;
use regimen::store::board::{
    CaseState, Complexity, Day, DecisionBody, Deviation, NewCase, NewEntry, PlanName, Rejected,
};
use regimen::store::{AuditKey, Person, Role, Store};

const DATABASE: &str = "REGIMEN_BOARD_CHILD_DATABASE";
const KEY: &str = "REGIMEN_BOARD_CHILD_KEY";
const ROUND: &str = "REGIMEN_BOARD_CHILD_ROUND";
const WRITERS: u32 = 4;
const ROUNDS: u32 = 10;

/// What the child says once the store has acknowledged: `signed CASE VERSION SHA256` or `entered CASE ITEMS`.
#[test]
fn child_that_signs_decisions_until_it_is_killed() {
    let (Ok(url), Ok(key), Ok(round)) = (std::env::var(DATABASE), std::env::var(KEY), std::env::var(ROUND)) else {
        return;
    };
    let round: u32 = round.parse().unwrap();
    rt::System::new().block_on(async move {
        let store = Store::open(&url, AuditKey::read(Path::new(&key)).unwrap()).await.unwrap();
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| rt::spawn(write_for_ever(store.clone(), round, writer))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write_for_ever(store: Store, round: u32, writer: u32) {
    let who = Person {
        id: format!("w{writer}"),
        login: format!("w{writer}"),
        display_name: "Writer".to_owned(),
        role: Role::Coordinator,
    };
    for n in 0_u32.. {
        let new = NewCase {
            pseudonym: format!("P-{round:03X}{writer:03X}{n:06X}"),
            complexity: Complexity::Standard,
            blind: false,
            question: String::new(),
        };
        let id = store.open_case(&who, &new).await.expect("the patient has no case");
        let entry = |item: &str, value: &str| NewEntry {
            item: item.to_owned(),
            seen: 0,
            value: value.to_owned(),
            not_obtainable: false,
            note: String::new(),
        };
        store.add_entries(&who, &id, &[entry("ct", "T2"), entry("er_pct", "90")]).await.expect("the values fit");
        say(&format!("entered {id} 2"));
        store.move_case(&who, &id, 1, CaseState::DataComplete, "").await.expect("the move is allowed");
        let meeting = store.add_meeting(&who, Day::parse("2026-12-03").expect("a day"), "").await.expect("it is made");
        store.schedule(&who, &id, 2, &meeting).await.expect("its data are complete");
        store.move_case(&who, &id, 3, CaseState::Discussed, "").await.expect("it is scheduled");
        for (draft, reason) in [(0, ""), (1, "amended")] {
            let version = store.sign_decision(&who, &id, draft, &body(), reason).await.expect("it is sound");
            let hash = store.decisions(&id).await.expect("it can be read").pop().expect("it was signed").sha256;
            say(&format!("signed {id} {version} {hash}"));
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

fn body() -> DecisionBody {
    let plan = |label: &str| PlanName { id: format!("arm:{label}"), label: label.to_owned() };
    DecisionBody {
        chosen: plan("Ctr"),
        rejected: vec![Rejected { plan: plan("Pembro"), code: "harm".to_owned(), text: String::new() }],
        deviation: Deviation { code: "none".to_owned(), text: String::new() },
        attendees: vec!["Writer".to_owned()],
        ..DecisionBody::default()
    }
}

/// Runs the child until it has acknowledged `lines` changes, kills it, and returns everything it acknowledged.
fn killed(url: &str, key: &Path, round: u32, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["board_faults::child_that_signs_decisions_until_it_is_killed", "--exact", "--nocapture"])
        .env(DATABASE, url)
        .env(KEY, key)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this binary starts");
    let mut acknowledged = Vec::new();
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while acknowledged.len() < lines {
        line.clear();
        assert!(
            out.read_line(&mut line).expect("the child writes text") > 0,
            "the child ended by itself after {acknowledged:?}"
        );
        acknowledged.extend(whole(&line));
    }
    // Somewhere within the next writes, at another place in every round.
    std::thread::sleep(Duration::from_micros(u64::from(round) * 700));
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    loop {
        line.clear();
        if out.read_line(&mut line).expect("the child writes text") == 0 {
            return acknowledged;
        }
        acknowledged.extend(whole(&line));
    }
}

/// An acknowledgement, if the line is a whole one.
fn whole(line: &str) -> Option<String> {
    let at = ["signed ", "entered "].iter().filter_map(|word| line.find(word)).min()?;
    line.ends_with('\n').then(|| line[at..].trim_end().to_owned())
}

/// Every acknowledged change is there, every other one is there as a whole or not at all, and nothing was altered.
async fn holds(url: &str, key: &Path, acknowledged: &[String]) {
    let store = Store::open(url, AuditKey::read(key).expect("the key is there")).await.expect("the database opens");
    for line in acknowledged {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["signed", id, version, hash] => {
                let decisions = store.decisions(id).await.expect("it can be read");
                let found = decisions.iter().find(|one| one.version.to_string() == *version);
                assert_eq!(found.map(|one| one.sha256.as_str()), Some(*hash), "{line}");
            }
            ["entered", id, n] => {
                assert_eq!(store.entries(id).await.expect("it can be read").len().to_string(), *n, "{line}")
            }
            _ => panic!("the child said {line}"),
        }
    }
    for case in store.cases().await.expect("it can be read") {
        let signed = store.decisions(&case.id).await.expect("it can be read").len();
        assert_eq!(case.state.is_decided(), signed > 0, "{case:?}");
        let n_entries = store.entries(&case.id).await.expect("it can be read").len();
        assert!(n_entries == 0 || n_entries == 2, "{n_entries} of 2 entries");
        let steps = store.case_moves(&case.id).await.expect("it can be read").len() as i64;
        assert_eq!(case.version, steps + 1, "{case:?}");
    }
    assert_eq!(store.verify_decisions(None).await.expect("it can be read"), []);
    let audit = store.verify_audit(&[]).await.expect("it can be read");
    assert!(audit.damages.is_empty(), "{:?}", audit.damages);
    assert!(audit.entries as usize >= acknowledged.len());
    store.close().await;
}

fn kill_again_and_again(url: &str, folder: &Path) -> usize {
    let key = folder.join("audit.key");
    AuditKey::read_or_create(&key).expect("the key is made");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let more = killed(url, &key, round, 10 + 3 * round as usize);
        acknowledged.extend(more);
        rt::System::new().block_on(holds(url, &key, &acknowledged));
    }
    acknowledged.len()
}

#[test]
fn ten_kills_in_the_middle_of_signing_lose_nothing_acknowledged_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("board.db").display());
    let n = kill_again_and_again(&url, folder.path());
    println!("{n} acknowledged changes, {ROUNDS} kills, none lost");
}

#[test]
fn ten_kills_in_the_middle_of_signing_lose_nothing_acknowledged_on_postgresql() {
    let Ok(server) = std::env::var("REGIMEN_TEST_POSTGRES") else {
        println!("skipped: kills on PostgreSQL: REGIMEN_TEST_POSTGRES is not set");
        return;
    };
    let schema = format!("kill_{}", std::process::id());
    rt::System::new().block_on(async {
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&server).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"));
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    });
    let joint = if server.contains('?') { '&' } else { '?' };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{server}{joint}options=-c%20search_path%3D{schema}");
    let n = kill_again_and_again(&url, folder.path());
    println!("{n} acknowledged changes, {ROUNDS} kills, none lost");
}
