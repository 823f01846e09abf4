use std::collections::BTreeMap;

use super::json::Json;

/// A code of a system: exact, or a pattern in which `?` is one character and a last `*` any rest.
#[derive(Debug, Clone, PartialEq)]
struct Pattern {
    systems: Vec<String>,
    code: String,
    word: String,
}

/// Codes and the word each stands for; for a plain list of codes every word is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    /// Name in the map, for messages.
    name: String,
    /// By code: systems with their words.
    exact: BTreeMap<String, Vec<(String, String)>>,
    patterns: Vec<Pattern>,
    /// Codes with the system's short name, for messages.
    shown: Vec<String>,
}

/// What a concept says in given words.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// The word; empty where the map says that the code means "not recorded".
    Word(String),
    /// Nothing: the concept has neither codes nor text.
    Nothing,
    /// Two codes with different words.
    Several,
    /// No code that is known: those found, shortened.
    Unknown(String),
}

/// The pseudo system of concepts that have a text and no codes.
pub(super) const TEXT: &str = "text";

impl Words {
    /// An empty list of that name.
    pub(super) fn named(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Adds a code; the same code with another word is an error, in words.
    pub(super) fn add(&mut self, short: &str, systems: &[String], code: &str, word: &str) -> Result<(), String> {
        self.shown.push(format!("{short}|{code}"));
        if code.contains(['?', '*']) && short != TEXT {
            if code.trim_end_matches('*').contains('*') || code.ends_with("**") {
                return Err(format!("`{code}`: a `*` stands at the end"));
            }
            self.patterns.push(Pattern { systems: systems.to_vec(), code: code.to_owned(), word: word.to_owned() });
            return Ok(());
        }
        for system in systems {
            let code = if short == TEXT { code.to_lowercase() } else { code.to_owned() };
            let known = self.exact.entry(code.clone()).or_default();
            if known.iter().any(|(other, before)| other == system && before != word) {
                return Err(format!("`{code}` has two words"));
            }
            known.push((system.clone(), word.to_owned()));
        }
        Ok(())
    }

    /// Adds every code of another list.
    pub(super) fn extend(&mut self, other: &Self) {
        for (code, known) in &other.exact {
            self.exact.entry(code.clone()).or_default().extend(known.iter().cloned());
        }
        self.patterns.extend(other.patterns.iter().cloned());
        self.shown.extend(other.shown.iter().cloned());
    }

    /// The word of a code.
    fn word(&self, system: &str, code: &str) -> Option<&str> {
        let exact = self.exact.get(code).and_then(|known| known.iter().find(|(other, _)| other == system));
        exact.map(|(_, word)| word.as_str()).or_else(|| {
            let fits = |entry: &&Pattern| entry.systems.iter().any(|known| known == system) && glob(&entry.code, code);
            self.patterns.iter().find(fits).map(|entry| entry.word.as_str())
        })
    }

    /// The word of a plain code that belongs to no system (`gender`).
    pub(super) fn word_of_text(&self, text: &str) -> Option<&str> {
        self.word(TEXT, &text.trim().to_lowercase())
    }

    /// What a `CodeableConcept` or `Coding` says.
    pub(super) fn of(&self, concept: &Json) -> Said {
        let codings = if concept.get("coding").is_some() || concept.get("code").is_none() {
            concept.each("coding")
        } else {
            std::slice::from_ref(concept)
        };
        let mut word: Option<&str> = None;
        let mut unknown = Vec::new();
        let mut coded = false;
        for coding in codings {
            let Some(code) = coding.text_at("code") else { continue };
            coded = true;
            let system = coding.text_at("system").unwrap_or("");
            match (self.word(system, code), word) {
                (Some(found), Some(before)) if found != before => return Said::Several,
                (Some(found), _) => word = Some(found),
                (None, _) => unknown.push(format!("{}|{}", shown(system), shown(code))),
            }
        }
        if let Some(word) = word {
            return Said::Word(word.to_owned());
        }
        match concept.text_at("text") {
            Some(text) if !coded => match self.word_of_text(text) {
                Some(word) => Said::Word(word.to_owned()),
                None => Said::Unknown("a text without a code".to_owned()),
            },
            _ if coded => Said::Unknown(unknown.join(", ")),
            _ => Said::Nothing,
        }
    }

    /// True when the concept has a code of the list.
    pub(super) fn holds(&self, concept: &Json) -> bool {
        matches!(self.of(concept), Said::Word(_) | Said::Several)
    }

    /// The codes that are known, for messages.
    pub(super) fn rule(&self) -> String {
        const SHOWN: usize = 24;
        let listed = self.shown.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.shown.len().saturating_sub(SHOWN) {
            0 => format!("a code of `{}`: {listed}", self.name),
            more => format!("a code of `{}`: {listed} and {more} more", self.name),
        }
    }
}

/// A code, status or system as found, for a message; what cannot be one (a sentence, a name) is not repeated.
pub(super) fn shown(found: &str) -> String {
    let code = found.len() <= 80 && found.bytes().all(|byte| byte.is_ascii_graphic());
    if code { found.to_owned() } else { "(no code)".to_owned() }
}

/// `?` is one character, a last `*` any rest.
fn glob(pattern: &str, code: &str) -> bool {
    let (head, open) = pattern.strip_suffix('*').map_or((pattern, false), |head| (head, true));
    let mut code = code.chars();
    head.chars().all(|wanted| code.next().is_some_and(|found| wanted == '?' || wanted == found))
        && (open || code.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(rows: &[(&str, &str, &str)]) -> Words {
        let mut words = Words::named("w".into());
        rows.iter().for_each(|(system, code, word)| words.add(system, &[(*system).to_owned()], code, word).unwrap());
        words
    }

    fn said(words: &Words, json: &str) -> Said {
        words.of(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn exact_codes_come_before_patterns() {
        let words = words(&[("icd", "C50.??1", "right"), ("icd", "C50*", ""), ("icd", "C50.911", "exact")]);
        let of = |code: &str| said(&words, &format!(r#"{{"coding":[{{"system":"icd","code":"{code}"}}]}}"#));
        assert_eq!(of("C50.911"), Said::Word("exact".into()));
        assert_eq!(of("C50.421"), Said::Word("right".into()));
        assert_eq!(of("C50.9"), Said::Word(String::new()));
        assert_eq!(of("C51.9"), Said::Unknown("icd|C51.9".into()));
    }

    #[test]
    fn local_codings_beside_a_known_one_are_ignored_and_contradictions_are_not() {
        let words = words(&[("s", "1", "a"), ("s", "2", "b"), ("text", "Left Breast", "left")]);
        assert_eq!(
            said(&words, r#"{"coding":[{"system":"x","code":"9"},{"system":"s","code":"1"}]}"#),
            Said::Word("a".into())
        );
        assert_eq!(said(&words, r#"{"coding":[{"system":"s","code":"2"},{"system":"s","code":"1"}]}"#), Said::Several);
        assert_eq!(said(&words, r#"{"text":" left breast "}"#), Said::Word("left".into()));
        assert_eq!(
            said(&words, r#"{"coding":[{"system":"x","code":"9"}],"text":"left breast"}"#),
            Said::Unknown("x|9".into())
        );
        assert_eq!(said(&words, r#"{"text":"Jane Doe"}"#), Said::Unknown("a text without a code".into()));
        assert_eq!(said(&words, "{}"), Said::Nothing);
        assert_eq!(said(&words, "[1,null]"), Said::Nothing);
    }
}
