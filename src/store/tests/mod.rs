//! The store on SQLite always, and on PostgreSQL where `REGIMEN_TEST_POSTGRES` holds the address of an empty database.

mod log;
mod opening;
mod people;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

use super::*;

pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const PASSWORD: &str = "correct horse battery";

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
