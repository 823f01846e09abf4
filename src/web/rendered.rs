use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::app::App;
use super::{Error, pages, routes};
use crate::report::{self, Links, ReportView};

/// Most bytes that rendered reports may take, compressed and plain together.
const MAX_BYTES: usize = 96 << 20;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// The page.
    Html,
    /// The same as JSON.
    Json,
}

impl Form {
    /// The word of the audit log.
    fn word(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// A report as bytes, plain and compressed once.
#[derive(Debug)]
pub(super) struct Rendered {
    form: Form,
    plain: web::Bytes,
    gzip: web::Bytes,
    /// Hash of the plain bytes, hex.
    hash: String,
    /// What the audit log keeps of showing it.
    pub(super) detail: Value,
}

impl Rendered {
    fn new(form: Form, text: String, detail: Value) -> Self {
        let hash: String = Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let gzip = match form {
            // The page is sent with the navigation of the session in it.
            Form::Html => Vec::new(),
            Form::Json => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(7));
                // Writing to memory does not fail; should it ever, the plain bytes are sent.
                encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default()
            }
        };
        Self { form, plain: text.into(), gzip: gzip.into(), hash, detail }
    }

    /// The plain text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.plain).unwrap_or_default()
    }

    fn size(&self) -> usize {
        self.plain.len() + self.gzip.len()
    }

    /// The response: 304 when the client names this very report, compressed when it accepts that.
    ///
    /// `Cache-Control: no-store` stays on it: nothing of a patient is kept on a disk. The tag serves programs that hold the
    /// last answer in memory and ask again; their reading is authorised and audited all the same.
    pub(super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let compressed = !self.gzip.is_empty() && accepts_gzip(request);
        let tag = format!("\"{}{}\"", self.hash, if compressed { "-gzip" } else { "" });
        let same = request
            .headers()
            .get_all(IF_NONE_MATCH)
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|named| named == tag));
        let mut response = HttpResponse::build(if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        response.insert_header((ETAG, tag)).insert_header((VARY, "Accept-Encoding, Cookie, Authorization"));
        if same {
            return response.finish();
        }
        response.insert_header((CONTENT_TYPE, self.form.content_type()));
        if compressed {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            response.body(self.gzip.clone())
        } else {
            response.body(self.plain.clone())
        }
    }
}

/// Whether the client takes gzip: named, or by `*`, with a weight above 0.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let named = request.headers().get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let mut star = false;
    for part in named.flat_map(|value| value.split(',')) {
        let mut pieces = part.trim().split(';');
        let coding = pieces.next().unwrap_or_default().trim();
        let weight =
            pieces.find_map(|piece| piece.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f64>().ok()));
        let wanted = weight.is_none_or(|weight| weight > 0.0);
        if coding.eq_ignore_ascii_case("gzip") {
            return wanted;
        }
        star |= coding == "*" && wanted;
    }
    star
}

/// Rendered reports in memory, by patient and form; bounded, the least lately asked for goes first.
#[derive(Debug, Default)]
pub(super) struct RenderedCache {
    held: RwLock<HashMap<(String, Form), Held>>,
    bytes: AtomicUsize,
    clock: AtomicU64,
    /// Counts the times that everything was dropped, so that what was being rendered then is not kept.
    era: AtomicU64,
}

#[derive(Debug)]
struct Held {
    rendered: Arc<Rendered>,
    asked_at: AtomicU64,
}

impl RenderedCache {
    fn get(&self, pseudonym: &str, form: Form) -> Option<Arc<Rendered>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let found = held.get(&(pseudonym.to_owned(), form))?;
        found.asked_at.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(Arc::clone(&found.rendered))
    }

    fn keep(&self, pseudonym: &str, rendered: &Arc<Rendered>, era: u64) {
        let size = rendered.size();
        if size > MAX_BYTES / 4 {
            return;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.era.load(Ordering::Relaxed) != era {
            return;
        }
        while self.bytes.load(Ordering::Relaxed) + size > MAX_BYTES {
            let oldest = held.iter().min_by_key(|(_, held)| held.asked_at.load(Ordering::Relaxed));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { break };
            if let Some(gone) = held.remove(&key) {
                self.bytes.fetch_sub(gone.rendered.size(), Ordering::Relaxed);
            }
        }
        let asked_at = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed));
        let entry = Held { rendered: Arc::clone(rendered), asked_at };
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if let Some(gone) = held.insert((pseudonym.to_owned(), rendered.form), entry) {
            self.bytes.fetch_sub(gone.rendered.size(), Ordering::Relaxed);
        }
    }

    /// Drops everything: the models, and with them the reports, are no longer what they were.
    pub(super) fn clear(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.clear();
        self.bytes.store(0, Ordering::Relaxed);
        self.era.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes and reports held, for the metrics.
    pub(super) fn size(&self) -> (usize, usize) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (self.bytes.load(Ordering::Relaxed), held.len())
    }
}

/// The report of `pseudonym` in `form`: from memory, else made on a blocking thread and kept.
///
/// # Errors
/// [`Error::NotFound`], [`Error::ModelsChanged`], and what stops the source.
pub(super) async fn of(app: &App, pseudonym: &str, form: Form) -> Result<Arc<Rendered>, Error> {
    if !routes::is_pseudonym(pseudonym) {
        return Err(Error::NotFound);
    }
    let services = app.services();
    services.whole()?;
    if let Some(found) = services.rendered.get(pseudonym, form) {
        services.metrics.cache_hits.inc();
        return Ok(found);
    }
    let era = services.rendered.era.load(Ordering::Relaxed);
    let (source, wanted) = (app.source(), pseudonym.to_owned());
    let made = web::block(move || {
        let view = source.report(&wanted).map_err(|source| Error::Source { source })?.ok_or(Error::NotFound)?;
        let detail = pages::shown_detail(&view, form.word());
        Ok::<_, Error>(Arc::new(Rendered::new(form, print(&view, form)?, detail)))
    });
    let made = made.await.map_err(|_| Error::Cut)??;
    services.metrics.rendered.inc();
    services.rendered.keep(pseudonym, &made, era);
    Ok(made)
}

fn print(view: &ReportView, form: Form) -> Result<String, Error> {
    match form {
        Form::Json => Ok(report::json(view)),
        Form::Html => {
            let links = Links {
                index: Some(routes::INDEX.to_owned()),
                json: Some(routes::report_json_path(&view.pseudonym)),
                what_if: Some(routes::what_if_path(&view.pseudonym)),
                forms: routes::form_paths(&view.pseudonym),
            };
            Ok(report::html_linked(view, &links)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn rendered(text: &str) -> Rendered {
        Rendered::new(Form::Json, text.to_owned(), Value::Null)
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let asks = |value: &str| {
            accepts_gzip(&TestRequest::default().insert_header(("accept-encoding", value)).to_http_request())
        };
        for yes in ["gzip", "deflate, gzip;q=0.5", "br, GZIP", "*", "gzip;q=1.0, *;q=0"] {
            assert!(asks(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "identity, *;q=0", "gzip;q=0, *"] {
            assert!(!asks(no), "{no}");
        }
    }

    #[test]
    fn the_compressed_bytes_are_the_plain_ones() {
        let text = "{\"a\":1}".repeat(500);
        let made = rendered(&text);
        let mut read = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&made.gzip[..]), &mut read).unwrap();
        assert!(made.gzip.len() < text.len() / 10);
        assert_eq!(read, text);
    }

    #[test]
    fn whoever_holds_the_report_is_told_that_it_is_still_the_same() {
        let made = rendered("{}");
        let first = made.answer(&TestRequest::default().to_http_request());
        let tag = first.headers().get("etag").unwrap().to_str().unwrap().to_owned();
        let ask = |tag: &str| {
            made.answer(&TestRequest::default().insert_header(("if-none-match", tag)).to_http_request()).status()
        };
        assert_eq!(ask(&tag), StatusCode::NOT_MODIFIED);
        assert_eq!(ask(&format!("\"x\", W/{tag}")), StatusCode::NOT_MODIFIED);
        assert_eq!(ask("\"x\""), StatusCode::OK);
        assert_ne!(rendered("{ }").hash, made.hash);
    }

    #[test]
    fn the_cache_is_bounded_and_forgets_the_least_lately_asked_for() {
        let cache = RenderedCache::default();
        let big = |seed: u8| {
            let made = Rendered {
                form: Form::Html,
                plain: vec![seed; MAX_BYTES / 5].into(),
                gzip: web::Bytes::new(),
                hash: String::new(),
                detail: Value::Null,
            };
            Arc::new(made)
        };
        for name in ["A", "B", "C", "D"] {
            cache.keep(name, &big(1), 0);
        }
        assert!(cache.get("A", Form::Html).is_some());
        cache.keep("E", &big(2), 0);
        cache.keep("F", &big(3), 0);
        assert!(cache.get("A", Form::Html).is_some() && cache.get("B", Form::Html).is_none());
        assert!(cache.size().0 <= MAX_BYTES);
    }

    #[test]
    fn what_was_rendered_before_the_models_changed_is_not_kept() {
        let cache = RenderedCache::default();
        cache.keep("A", &Arc::new(rendered("{}")), 0);
        cache.clear();
        assert!(cache.get("A", Form::Json).is_none());
        cache.keep("A", &Arc::new(rendered("{}")), 0);
        assert_eq!(cache.size(), (0, 0));
        cache.keep("A", &Arc::new(rendered("{}")), 1);
        assert_eq!(cache.size().1, 1);
    }
}
