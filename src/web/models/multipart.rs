/// Longest head of a part, bytes.
const MAX_HEAD: usize = 4096;

/// What a body of `multipart/form-data` says, piece by piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A part begins.
    Part {
        /// Name of the field.
        name: String,
        /// Name of the file; `None` for a plain field.
        file_name: Option<String>,
    },
    /// Bytes of the part.
    Data(Vec<u8>),
    /// The part ends.
    End,
    /// The body ends.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Delimited,
    Head,
    Data,
    Done,
}

/// Reads `multipart/form-data` (RFC 7578) from pieces of any size, holding back no more than one delimiter.
#[derive(Debug)]
pub(super) struct Multipart {
    /// Line break, two dashes, boundary.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
}

/// The boundary that a content type names: 1 to 70 characters of RFC 2046.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    };
    let found = parameters.split(';').find_map(named)?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    ((1..=70).contains(&found.len()) && found.bytes().all(fine)).then_some(found)
}

impl Multipart {
    /// A reader of a body with that boundary.
    pub(super) fn new(boundary: &str) -> Self {
        // The first delimiter may open the body without a line break before it.
        Self { delimiter: format!("\r\n--{boundary}").into_bytes(), held: b"\r\n".to_vec(), state: State::Before }
    }

    /// What the next bytes say; `None` for a body against the rules.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Vec<Event>> {
        self.held.extend_from_slice(bytes);
        let mut events = Vec::new();
        loop {
            match self.state {
                State::Before => match find(&self.held, &self.delimiter) {
                    Some(at) => {
                        self.held.drain(..at + self.delimiter.len());
                        self.state = State::Delimited;
                    }
                    None if self.held.len() > MAX_HEAD => return None,
                    None => return Some(events),
                },
                State::Delimited => match self.held.get(..2) {
                    None => return Some(events),
                    Some(b"--") => {
                        self.state = State::Done;
                        events.push(Event::Done);
                    }
                    Some(b"\r\n") => {
                        self.held.drain(..2);
                        self.state = State::Head;
                    }
                    Some(_) => return None,
                },
                State::Head => match find(&self.held, b"\r\n\r\n") {
                    Some(at) if at <= MAX_HEAD => {
                        let head: Vec<u8> = self.held.drain(..at + 4).collect();
                        events.push(part(std::str::from_utf8(&head).ok()?)?);
                        self.state = State::Data;
                    }
                    None if self.held.len() <= MAX_HEAD => return Some(events),
                    _ => return None,
                },
                State::Data => match find(&self.held, &self.delimiter) {
                    Some(at) => {
                        let data: Vec<u8> = self.held.drain(..at).collect();
                        if !data.is_empty() {
                            events.push(Event::Data(data));
                        }
                        events.push(Event::End);
                        self.held.drain(..self.delimiter.len());
                        self.state = State::Delimited;
                    }
                    None => {
                        let sure = self.held.len().saturating_sub(self.delimiter.len() - 1);
                        if sure > 0 {
                            events.push(Event::Data(self.held.drain(..sure).collect()));
                        }
                        return Some(events);
                    }
                },
                State::Done => {
                    self.held.clear();
                    return Some(events);
                }
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes.get(at..at + wanted.len())? == wanted {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The part that a head announces.
fn part(head: &str) -> Option<Event> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let rest = disposition.get(..9).filter(|kind| kind.eq_ignore_ascii_case("form-data")).and(disposition.get(9..))?;
    Some(Event::Part { name: parameter(rest, "name")?, file_name: parameter(rest, "filename") })
}

/// The value of a quoted parameter; browsers write a quote inside it as `%22`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start().strip_prefix(';')?.trim_start();
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--XY\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--XY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.csv\"\r\nContent-Type: text/csv\r\n\r\nx,y\r\n1,2\r\n--X\r\n\r\n--XY--\r\n";

    /// Everything that the pieces say, data joined.
    fn read(pieces: &[&[u8]]) -> Option<Vec<Event>> {
        let mut parts = Multipart::new("XY");
        let mut all: Vec<Event> = Vec::new();
        for piece in pieces {
            for event in parts.push(piece)? {
                match (all.last_mut(), event) {
                    (Some(Event::Data(before)), Event::Data(more)) => before.extend(more),
                    (_, event) => all.push(event),
                }
            }
        }
        Some(all)
    }

    fn expected() -> Vec<Event> {
        vec![
            Event::Part { name: "csrf".into(), file_name: None },
            Event::Data(b"abc".to_vec()),
            Event::End,
            Event::Part { name: "file".into(), file_name: Some("a;b.csv".into()) },
            Event::Data(b"x,y\r\n1,2\r\n--X\r\n".to_vec()),
            Event::End,
            Event::Done,
        ]
    }

    #[test]
    fn a_body_is_read_wherever_it_is_cut() {
        assert_eq!(read(&[BODY]), Some(expected()));
        for at in 0..BODY.len() {
            assert_eq!(read(&[&BODY[..at], &BODY[at..]]), Some(expected()), "{at}");
        }
        let single: Vec<&[u8]> = BODY.chunks(1).collect();
        assert_eq!(read(&single), Some(expected()));
    }

    #[test]
    fn a_body_against_the_rules_is_refused() {
        for bad in [
            &b"--XYZ\r\n"[..],
            b"--XY\r\nContent-Type: text/plain\r\n\r\n",
            b"--XY\r\nContent-Disposition: attachment; name=\"x\"\r\n\r\n",
            b"--XY\r\nContent-Disposition: form-data\r\n\r\n",
            &[b'x'; MAX_HEAD + 10],
        ] {
            assert_eq!(read(&[bad]), None, "{}", String::from_utf8_lossy(&bad[..bad.len().min(60)]));
        }
    }

    #[test]
    fn only_form_data_has_a_boundary() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKit12").as_deref(), Some("----WebKit12"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").as_deref(), Some("a b"));
        for bad in [
            "",
            "multipart/form-data",
            "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a\r\nb",
        ] {
            assert_eq!(boundary(bad), None, "{bad}");
        }
    }
}
