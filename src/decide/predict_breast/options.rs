use super::inputs::{Endocrine, Generation, Treatments};

/// The option columns of PREDICT's tables: s surgery, r radiotherapy, h endocrine therapy of five years, h10 of ten,
/// c chemotherapy, t trastuzumab, b bisphosphonate.
pub const OPTION_COLUMNS: [&str; 10] = ["s", "r", "h", "rh", "rhc", "rhct", "rhctb", "h10ctb", "rh10ctb", "hctb"];

/// The treatments that a row of PREDICT's table chooses; an option column gives those that its letters name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Generation of chemotherapy.
    pub generation: Option<Generation>,
    /// Endocrine therapy.
    pub endocrine: bool,
    /// Trastuzumab.
    pub trastuzumab: bool,
    /// Bisphosphonate.
    pub bisphosphonate: bool,
    /// Radiotherapy.
    pub radiotherapy: bool,
}

impl Chosen {
    /// The treatments of an option column, as PREDICT's code combines letters and choice: a treatment counts when the
    /// letter names it and the row chooses it, but the heart dose whenever the letter is there.
    #[must_use]
    pub fn under(&self, option: &str) -> Treatments {
        let has = |letter: char| option.contains(letter);
        let length = if option.contains("h10") { Endocrine::TenYears } else { Endocrine::FiveYears };
        Treatments {
            radiotherapy: self.radiotherapy && has('r'),
            heart_exposed: has('r'),
            endocrine: (self.endocrine && has('h')).then_some(length),
            chemotherapy: self.generation.filter(|_| has('c')),
            trastuzumab: self.trastuzumab && has('t'),
            bisphosphonate: self.bisphosphonate && has('b'),
        }
    }
}
