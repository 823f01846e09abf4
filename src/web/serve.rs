use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpServer, middleware, rt, web};
use serde_json::json;

use super::auth::oidc::{Provider, Settings};
use super::{App, Error, ReportSource, Security, guard, headers, routes};
use crate::store::{Action, AuditKey, HashedPassword, NewPerson, Person, Role, Store, new_secret};

/// Seconds that running requests get to finish when the server is told to stop.
const SHUTDOWN_SECONDS: u64 = 5;

/// Threads for blocking work of each worker.
const BLOCKING_THREADS: usize = 16;

/// What a server is started with.
pub struct Start {
    /// Where reports come from.
    pub source: Arc<dyn ReportSource + Send + Sync>,
    /// Address of the database.
    pub database: String,
    /// The key of the audit log.
    pub audit_key: AuditKey,
    /// How the server is reached.
    pub security: Security,
    /// The identity provider, if there is one.
    pub provider: Option<Settings>,
    /// Everybody on this machine is signed in as an invented person. For SYNTHETIC patients only.
    pub demonstration: bool,
}

impl Start {
    /// A demonstration on a database in memory.
    ///
    /// # Errors
    /// [`Error::Store`] where the system has no random bytes.
    pub fn demonstration(source: Arc<dyn ReportSource + Send + Sync>) -> Result<Self, Error> {
        Ok(Self {
            source,
            database: "sqlite::memory:".to_owned(),
            audit_key: AuditKey::fresh()?,
            security: Security::default(),
            provider: None,
            demonstration: true,
        })
    }
}

/// Serves on `bind` until an interrupt or terminate signal, then lets running requests finish.
///
/// Calls `ready` once with the address that is listened on and, when the database has no people, the one-time set-up
/// code; port 0 lets the system choose one. Blocks the calling thread.
///
/// # Errors
/// [`Error::NotLoopback`] before anything is opened, [`Error::NoPeople`] for an address that other machines reach while
/// nobody could sign in, [`Error::Store`] for the database, [`Error::Bind`] when the address is taken, [`Error::Run`]
/// when the server fails later.
pub fn serve(start: Start, bind: SocketAddr, ready: impl FnOnce(SocketAddr, Option<String>)) -> Result<(), Error> {
    let bind = guard::reachable(bind, &start.security, start.demonstration)?;
    block_on(async move {
        let Start { source, database, audit_key, mut security, provider, demonstration } = start;
        let store = Store::open(&database, audit_key).await?;
        let code = if demonstration {
            security.demonstration = Some((invented_person(&store).await?, new_secret()?));
            None
        } else {
            store.setup_code().await?
        };
        if code.is_some() && !bind.ip().is_loopback() {
            return Err(Error::NoPeople);
        }
        let provider = provider.map(Provider::new).transpose()?;
        let app = App::new(source, store.clone()).with_security(security).with_provider(provider);
        let data = web::Data::new(app);
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(data.clone())
                .wrap(middleware::from_fn(headers::around))
                .configure(routes::mount)
        })
        .workers(2)
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .bind(bind)
        .map_err(|source| Error::Bind { bind, source })?;
        if let Some(address) = server.addrs().first() {
            ready(*address, code);
        }
        server.run().await.map_err(|source| Error::Run { source })?;
        store.close().await;
        Ok(())
    })
}

/// The person of a demonstration, whom nobody can sign in as.
async fn invented_person(store: &Store) -> Result<Person, Error> {
    let (_, nobody_knows) = HashedPassword::initial()?;
    let new = NewPerson { login: "demonstration", display_name: "Demonstration", role: Role::Coordinator };
    let person = store.add_person(None, new, &nobody_knows).await?;
    store.audit(Some(&person), Action::SignedIn, None, &json!({ "by": "demonstration" })).await?;
    Ok(person)
}

/// Runs a future to its end on this thread: the command line's way to the store.
pub fn block_on<F: Future>(future: F) -> F::Output {
    rt::System::new().block_on(future)
}
