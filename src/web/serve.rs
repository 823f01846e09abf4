use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{HttpServer, middleware, rt, web};

use super::{App, Error, guard, headers, operations, routes};

/// Seconds that running requests get to finish when the server is told to stop.
const SHUTDOWN_SECONDS: u64 = 5;

/// Serves `app` on `bind` until an interrupt or terminate signal, then lets running requests finish.
///
/// Blocks the calling thread.
///
/// # Errors
/// [`Error::NotLoopback`] before anything is opened, [`Error::Bind`] when the address is taken, [`Error::Run`] when
/// the server fails later.
pub fn serve(app: App, bind: SocketAddr) -> Result<(), Error> {
    serve_with(app, bind, |_| {})
}

/// [`serve`], calling `ready` once with the address that is listened on; port 0 lets the system choose one.
///
/// # Errors
/// As [`serve`].
pub fn serve_with(app: App, bind: SocketAddr, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    let bind = guard::loopback(bind)?;
    rt::System::new().block_on(async move {
        let data = web::Data::new(app);
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(data.clone())
                .wrap(middleware::from_fn(operations::bounded))
                .wrap(middleware::from_fn(headers::around))
                .wrap(middleware::from_fn(operations::measured))
                .configure(routes::mount)
        })
        .workers(2)
        .client_request_timeout(Duration::from_secs(10))
        .client_disconnect_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(75))
        .max_connections(4096)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .bind(bind)
        .map_err(|source| Error::Bind { bind, source })?;
        if let Some(address) = server.addrs().first() {
            ready(*address);
        }
        server.run().await.map_err(|source| Error::Run { source })
    })
}
