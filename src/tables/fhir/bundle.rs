use super::concept::shown;
use super::error::FhirError;
use super::json::Json;

/// Bundle types whose entries are a set of resources; a `history` holds old versions, a `message` an event.
const BUNDLES: [&str; 5] = ["collection", "searchset", "transaction", "batch", "document"];

/// A resource of the file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its number in the bundle, from 1, or its line in a file of resources by line.
    pub(super) number: usize,
    /// URL under which other entries refer to it.
    pub(super) full_url: Option<String>,
    pub(super) resource: Json,
}

/// The resources of a file.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    /// Entries without a resource (deletions of a transaction).
    pub(super) empty: usize,
    /// True when a search says that there are further pages.
    pub(super) more_pages: bool,
}

/// Reads a bundle, a single resource, or resources (or bundles) one by line.
pub(super) fn entries(bytes: &[u8], label: &str) -> Result<Entries, FhirError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut read = Entries::default();
    // One value over the whole file, or, when the first line is a value of its own, one value by line.
    let mut lines = lines(bytes);
    let alone = lines.next().is_some_and(|(_, line)| serde_json::from_slice::<Json>(line).is_ok());
    if alone && lines.next().is_some() {
        for (number, line) in self::lines(bytes) {
            let value = parse(line, label, number)?;
            read.add(value, number, true, label)?;
        }
    } else {
        let value = parse(bytes, label, 1)?;
        read.add(value, 1, false, label)?;
    }
    Ok(read)
}

/// Lines that hold something, with their numbers.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty())
}

fn parse(bytes: &[u8], label: &str, first_line: usize) -> Result<Json, FhirError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let line = first_line + error.line().saturating_sub(1);
        let full = error.to_string();
        // serde_json ends its message with the position, which is counted from the line here.
        let found = full.split(" at line ").next().unwrap_or_default().to_owned();
        FhirError::Json { file: label.to_owned(), line, column: error.column(), found }
    })
}

impl Entries {
    fn add(&mut self, value: Json, number: usize, by_line: bool, label: &str) -> Result<(), FhirError> {
        let wrong = |expected, found| Err(FhirError::Format { file: label.to_owned(), expected, found });
        match value.text_at("resourceType") {
            None => wrong("a resource with a `resourceType`", value.kind().to_owned()),
            Some("Bundle") => {
                let kind = value.text_at("type").unwrap_or("");
                if !BUNDLES.contains(&kind) {
                    let found = format!("type `{}`", shown(kind));
                    return wrong("a bundle of type collection, searchset, transaction, batch or document", found);
                }
                self.more_pages |= value.each("link").iter().any(|link| link.text_at("relation") == Some("next"));
                let Json::Object(fields) = value else { return Ok(()) };
                let entries = fields.into_iter().find(|(name, _)| name == "entry").map(|(_, entries)| entries);
                let list = match entries {
                    None => Vec::new(),
                    Some(Json::List(list)) => list,
                    Some(other) => return wrong("a list of entries", other.kind().to_owned()),
                };
                for (at, entry) in (1..).zip(list) {
                    let full_url = entry.text_at("fullUrl").map(str::to_owned);
                    let Json::Object(fields) = entry else {
                        return wrong("an entry with a resource", entry.kind().to_owned());
                    };
                    let number = if by_line { number } else { at };
                    match fields.into_iter().find(|(name, _)| name == "resource") {
                        Some((_, resource @ Json::Object(_))) => self.list.push(Entry { number, full_url, resource }),
                        Some((_, other)) => return wrong("a resource in each entry", other.kind().to_owned()),
                        None => self.empty += 1,
                    }
                }
                Ok(())
            }
            Some(_) => {
                self.list.push(Entry { number, full_url: None, resource: value });
                Ok(())
            }
        }
    }
}
