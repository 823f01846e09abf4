use std::future::poll_fn;
use std::io::Write;
use std::time::{Duration, Instant};

use actix_web::body::{BodyStream, MessageBody};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use tempfile::NamedTempFile;

use super::check::run;
use super::multipart::{Event, Multipart, boundary};
use crate::store::Right;
use crate::web::auth::SignedIn;
use crate::web::{App, Error};

/// Longest file, bytes.
const MAX_BYTES: usize = 64 << 20;

/// Longest field beside the file, bytes.
const MAX_FIELD: usize = 1024;

/// Longest pause between two pieces.
const PAUSE: Duration = Duration::from_secs(15);

/// Longest time for all of it.
const WHOLE: Duration = Duration::from_secs(300);

/// What was sent: the fields, and the file in a temporary one that goes when this goes.
struct Sent {
    table: String,
    name: String,
    file: NamedTempFile,
}

/// Checks a file that is sent with the form; it is deleted when the check is done.
pub(super) async fn upload(
    request: HttpRequest,
    signed_in: SignedIn,
    app: web::Data<App>,
    body: web::Payload,
) -> Result<HttpResponse, Error> {
    signed_in.require(Right::InspectModels)?;
    if app.services().given.check.is_none() {
        return Err(Error::NotFound);
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = boundary(kind).ok_or(Error::ContentType)?;
    let sent = receive(&signed_in, &boundary, body).await?;
    let Sent { table, name, file } = sent;
    let shown = name.clone();
    run(&signed_in, &app, "upload", &shown, move |check| check.check_file(&table, file.path(), &name)).await
}

/// Reads the parts as they arrive; the token comes before the file, so that a forged form writes nothing.
async fn receive(signed_in: &SignedIn, boundary: &str, body: web::Payload) -> Result<Sent, Error> {
    let started = Instant::now();
    let mut body = Box::pin(BodyStream::new(body));
    let mut parts = Multipart::new(boundary);
    let mut fields: [Option<Vec<u8>>; 2] = [None, None];
    let mut current: Option<Part> = None;
    let mut file: Option<(String, NamedTempFile)> = None;
    let mut n_bytes = 0_usize;
    loop {
        if started.elapsed() > WHOLE {
            return Err(Error::Slow);
        }
        let piece = rt::time::timeout(PAUSE, poll_fn(|context| body.as_mut().poll_next(context))).await;
        let Some(piece) = piece.map_err(|_| Error::Slow)? else { return Err(Error::BadForm) };
        let piece = piece.map_err(|_| Error::BadForm)?;
        n_bytes += piece.len();
        if n_bytes > MAX_BYTES {
            return Err(Error::TooLong);
        }
        for event in parts.push(&piece).ok_or(Error::BadForm)? {
            match event {
                Event::Part { name, file_name } => {
                    current = Some(match (name.as_str(), file_name) {
                        ("csrf", None) => Part::Field(0),
                        ("table", None) => Part::Field(1),
                        ("file", Some(file_name)) if file.is_none() => {
                            let token = text(fields[0].take())?;
                            signed_in.check_csrf(&token)?;
                            let made = NamedTempFile::new().map_err(|source| Error::Scratch { source })?;
                            file = Some((safe_name(&file_name), made));
                            Part::File
                        }
                        _ => return Err(Error::BadForm),
                    });
                }
                Event::Data(bytes) => match (&current, &mut file) {
                    (Some(Part::File), Some((_, file))) => {
                        file.write_all(&bytes).map_err(|source| Error::Scratch { source })?;
                    }
                    (Some(Part::Field(at)), _) => {
                        let field = fields[*at].get_or_insert_default();
                        field.extend_from_slice(&bytes);
                        if field.len() > MAX_FIELD {
                            return Err(Error::TooLong);
                        }
                    }
                    _ => return Err(Error::BadForm),
                },
                Event::End => current = None,
                Event::Done => {
                    let (name, mut file) = file.ok_or(Error::BadForm)?;
                    file.flush().map_err(|source| Error::Scratch { source })?;
                    return Ok(Sent { table: text(fields[1].take())?, name, file });
                }
            }
        }
    }
}

#[derive(Debug)]
enum Part {
    Field(usize),
    File,
}

fn text(field: Option<Vec<u8>>) -> Result<String, Error> {
    String::from_utf8(field.ok_or(Error::BadForm)?).map_err(|_| Error::BadForm)
}

/// The last part of a file's name in characters that are safe to show; only its ending matters to the check.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let kept: String = last.chars().map(|c| if fine(c) { c } else { '_' }).collect();
    let start = kept.len().saturating_sub(80);
    let kept = kept.get(start..).unwrap_or_default().trim_start_matches('.').to_owned();
    if kept.is_empty() { "file".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_lose_their_folders_and_what_is_not_plain() {
        for (name, safe) in [
            ("a.csv", "a.csv"),
            ("C:\\x\\b.arrow", "b.arrow"),
            ("../../etc/passwd", "passwd"),
            ("<script>.csv", "_script_.csv"),
            ("..", "file"),
            ("", "file"),
        ] {
            assert_eq!(safe_name(name), safe, "{name}");
        }
    }
}
