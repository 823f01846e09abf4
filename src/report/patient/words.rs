use std::sync::LazyLock;

use serde::Deserialize;

/// A language of the page for the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// Every language that there is.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The code of ISO 639-1 (`en`, `de`).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language with this code; `None` where there is no such page.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The sentences of the page.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::German => &GERMAN,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::English => include_str!("../../../templates/patient/words/en.toml"),
            Self::German => include_str!("../../../templates/patient/words/de.toml"),
        }
    }
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(Language::English));
static GERMAN: LazyLock<Words> = LazyLock::new(|| read(Language::German));

fn read(language: Language) -> Words {
    toml::from_str(language.file()).expect("the words are part of the binary, a test reads both files")
}

/// Every sentence of the page; `{name}` stands for what [`fill`] puts there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) language: String,
    pub(super) skip: String,
    pub(super) title: String,
    pub(super) synthetic: String,
    pub(super) research: String,
    pub(super) code: String,
    pub(super) women: String,
    pub(super) people: String,
    pub(super) about: String,
    pub(super) fewer_than_one: String,
    pub(super) more_than_ninety_nine: String,
    pub(super) what_heading: String,
    pub(super) what: String,
    pub(super) what_program: String,
    pub(super) what_read: String,
    pub(super) answer_heading: String,
    pub(super) arm_received: String,
    pub(super) arm_control: String,
    pub(super) arm_not_hers: String,
    pub(super) with: String,
    pub(super) without: String,
    pub(super) icons_title: String,
    pub(super) icons_text: String,
    pub(super) key_with: String,
    pub(super) key_without: String,
    pub(super) after: String,
    pub(super) sure_heading: String,
    pub(super) range: String,
    pub(super) range_meaning: String,
    pub(super) range_small: String,
    pub(super) range_large: String,
    pub(super) range_very_large: String,
    pub(super) learned: String,
    pub(super) caution: String,
    pub(super) not_heading: String,
    pub(super) not_you: String,
    pub(super) not_survival: String,
    pub(super) not_best: String,
    pub(super) unknown_heading: String,
    pub(super) unknown_some: String,
    pub(super) unknown_none: String,
    pub(super) unknown_always: String,
    pub(super) missing_clinical: String,
    pub(super) missing_genomic: String,
    pub(super) missing_mri: String,
    pub(super) missing_imaging: String,
    pub(super) missing_other: String,
    pub(super) images_unused: String,
    pub(super) questions_heading: String,
    pub(super) questions: Vec<String>,
    pub(super) questions_response: Vec<String>,
    pub(super) no_heading: String,
    pub(super) no_news: String,
    pub(super) no_man: String,
    pub(super) no_surgery_first: String,
    pub(super) no_response_known: String,
    pub(super) no_tests: String,
    pub(super) no_outside: String,
    pub(super) no_few: String,
    pub(super) help_heading: String,
    pub(super) help: String,
    pub(super) about_heading: String,
    pub(super) about_text: String,
    pub(super) about_model: String,
}

/// Puts every value in the place of its `{name}`.
pub(super) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(sentence.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn table(language: Language) -> toml::Table {
        language.file().parse().unwrap()
    }

    fn sentences(language: Language) -> BTreeMap<String, Vec<String>> {
        let texts = |value: toml::Value| match value {
            toml::Value::Array(items) => items.into_iter().map(|each| each.as_str().unwrap().to_owned()).collect(),
            other => vec![other.as_str().unwrap().to_owned()],
        };
        table(language).into_iter().map(|(key, value)| (key, texts(value))).collect()
    }

    fn placeholders(texts: &[String]) -> BTreeSet<String> {
        let all = texts.iter().flat_map(|text| text.split('{').skip(1));
        all.map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn both_languages_say_the_same_things_with_the_same_values() {
        let (english, german) = (sentences(Language::English), sentences(Language::German));
        assert_eq!(english.keys().collect::<Vec<_>>(), german.keys().collect::<Vec<_>>());
        for (key, texts) in &english {
            assert_eq!(placeholders(texts), placeholders(&german[key]), "{key}");
            assert_eq!(texts.len(), german[key].len(), "{key}");
            let differs = texts != &german[key];
            assert!(differs, "{key} is not translated");
        }
        for language in Language::ALL {
            assert_eq!(language.words().language, language.code());
            assert_eq!(Language::from_code(language.code()), Some(language));
        }
        assert_eq!(Language::from_code("fr"), None);
    }

    #[test]
    fn no_sentence_needs_a_percent_sign_or_an_abbreviation() {
        for language in Language::ALL {
            for (key, texts) in sentences(language) {
                for text in texts {
                    assert!(
                        !["%", "pCR", "HER2", "95", "percent", "Prozent"].iter().any(|word| text.contains(word)),
                        "{key}"
                    );
                }
            }
        }
    }

    /// The readability index of Björnsson: words per sentence plus the share of words over six letters, in hundredths.
    fn readability(texts: &[String]) -> f64 {
        let all = texts.join(" ");
        let words: Vec<&str> = all.split_whitespace().collect();
        let sentences = all.matches(['.', '?', '!', ':']).count().max(1);
        let letters = |word: &&&str| word.chars().filter(|sign| sign.is_alphabetic()).count() > 6;
        let long = words.iter().filter(letters).count();
        words.len() as f64 / sentences as f64 + 100.0 * long as f64 / words.len() as f64
    }

    #[test]
    fn sentences_are_short_and_words_are_plain() {
        // Below 30 is read as very easy (children's books), below 40 as easy; German words are longer.
        for (language, most) in [(Language::English, 30.0), (Language::German, 35.0)] {
            let texts: Vec<String> =
                sentences(language).into_values().flatten().filter(|text| text.contains(' ')).collect();
            let found = readability(&texts);
            assert!(found < most, "{language:?}: {found}");
            for sentence in texts.iter().flat_map(|text| text.split(['.', '?', '!', ':'])) {
                assert!(sentence.split_whitespace().count() <= 22, "{sentence}");
            }
        }
    }
}
