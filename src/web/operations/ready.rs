use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::web::App;

/// Whether the process answers at all.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body("{\"status\":\"ok\"}\n")
}

/// Whether the server can answer: the database does, and the model files are those that were opened. 503 otherwise.
pub(super) async fn ready(app: web::Data<App>) -> HttpResponse {
    let database = app.store().ping().await;
    if let Err(error) = &database {
        tracing::error!(cause = %error, "the database does not answer");
    }
    let damaged = app.services().damaged().len();
    let fine = |fine: bool| if fine { "ok" } else { "failed" };
    let ready = database.is_ok() && damaged == 0;
    let body = json!({
        "status": fine(ready),
        "database": fine(database.is_ok()),
        "models": fine(damaged == 0),
        "damaged_model_files": damaged,
    });
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.content_type("application/json").body(format!("{body}\n"))
}
