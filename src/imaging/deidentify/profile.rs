use std::collections::BTreeMap;
use std::sync::LazyLock;

use dicom_core::Tag;

use super::DeidentifyOptions;

/// What happens to an attribute of Table E.1-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// X: the attribute goes.
    Remove,
    /// Z: the attribute stays without a value.
    Empty,
    /// D: the attribute stays with a value that says nothing.
    Dummy,
    /// U: each UID is replaced, the same everywhere.
    Uid,
    /// X/Z/U*: the items stay, cleaned like the dataset itself, so that references hold.
    Recurse,
    /// K of Retain Patient Characteristics: the value stays if it looks like what it should be.
    Characteristic,
    /// C of Retain Longitudinal Temporal Information with Modified Dates: dates move.
    Move,
}

/// What the value of an attribute outside the table must look like to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A code string.
    Term,
    /// A short plain phrase.
    Words,
    /// One of the values between the bars.
    OneOf(&'static str),
    /// Required by its module, and free text: a dummy value.
    Dummy,
    /// Bytes of a lookup or offset table.
    Bulk,
    /// Bytes of the image.
    Pixels,
}

/// One row of Table E.1-1.
struct Row {
    basic: Action,
    characteristics: Option<Action>,
    dates: Option<Action>,
}

/// PS3.15 Table E.1-1, edition 2026c.
static PROFILE: LazyLock<BTreeMap<(u16, u16), Row>> =
    LazyLock::new(|| rows(include_str!("profile.tsv")).filter_map(|(tag, cells)| Some((tag, row(&cells)?))).collect());

/// The closed list of text and bulk attributes that may stay beside the table.
static KEPT: LazyLock<BTreeMap<(u16, u16), Form>> = LazyLock::new(|| {
    rows(include_str!("kept.tsv")).filter_map(|(tag, cells)| Some((tag, form(cells.get(1)?)?))).collect()
});

/// The rows of a table: a tag and the cells after it.
fn rows(table: &'static str) -> impl Iterator<Item = ((u16, u16), Vec<&'static str>)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (tag, cells) = line.split_once('\t')?;
        let (group, element) = tag.split_once(',')?;
        let hex = |text| u16::from_str_radix(text, 16).ok();
        Some(((hex(group)?, hex(element)?), cells.split('\t').collect()))
    })
}

/// The actions of a row: keyword, basic profile, patient characteristics, modified dates.
///
/// A compound stands for "unless the module requires more": the last code satisfies every module, so it is taken.
fn row(cells: &[&str]) -> Option<Row> {
    let &[_, basic, characteristics, dates] = cells else { return None };
    let basic = match basic {
        "X" => Action::Remove,
        "Z" | "X/Z" => Action::Empty,
        "D" | "Z/D" | "X/D" | "X/Z/D" => Action::Dummy,
        "U" => Action::Uid,
        "X/Z/U*" => Action::Recurse,
        _ => return None,
    };
    let characteristics = match characteristics {
        "K" => Some(Action::Characteristic),
        // Clean: free text cannot be cleaned by a machine that is to be trusted, so it goes.
        "C" => Some(Action::Remove),
        "-" => None,
        _ => return None,
    };
    let dates = match dates {
        "C" => Some(Action::Move),
        "-" => None,
        _ => return None,
    };
    Some(Row { basic, characteristics, dates })
}

/// The form that a cell of the kept list names.
fn form(cell: &'static str) -> Option<Form> {
    match cell {
        "term" => Some(Form::Term),
        "words" => Some(Form::Words),
        "dummy" => Some(Form::Dummy),
        "bulk" => Some(Form::Bulk),
        "pixels" => Some(Form::Pixels),
        _ => cell.strip_prefix('=').map(Form::OneOf),
    }
}

/// What Table E.1-1 asks for an attribute under the options; `None` when it has no row.
///
/// # Source
/// PS3.15 section E.2, E.3.6 and E.3.7.
pub(super) fn action(tag: Tag, options: &DeidentifyOptions) -> Option<Action> {
    let private = tag.0 % 2 == 1;
    let curve_or_overlay = matches!(tag.0 & 0xff00, 0x5000 | 0x6000);
    if private || curve_or_overlay {
        return Some(Action::Remove);
    }
    let row = PROFILE.get(&(tag.0, tag.1))?;
    let characteristics = row.characteristics.filter(|_| options.retain_patient_characteristics);
    let dates = row.dates.filter(|_| options.retain_modified_dates);
    Some(characteristics.or(dates).unwrap_or(row.basic))
}

/// The form in which an attribute outside the table may stay; `None` when it may not.
pub(super) fn kept(tag: Tag) -> Option<Form> {
    KEPT.get(&(tag.0, tag.1)).copied()
}

#[cfg(test)]
mod tests {
    use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
    use dicom_dictionary_std::{StandardDataDictionary, tags};

    use super::*;

    const BOTH: DeidentifyOptions = DeidentifyOptions {
        retain_patient_characteristics: true,
        retain_modified_dates: true,
        refuse_risky_pixels: false,
    };
    const NONE: DeidentifyOptions =
        DeidentifyOptions { retain_patient_characteristics: false, retain_modified_dates: false, ..BOTH };

    #[test]
    fn every_row_of_both_tables_is_read_and_named_as_in_the_dictionary() {
        let lines = |table: &str| table.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(PROFILE.len(), lines(include_str!("profile.tsv")));
        assert_eq!(KEPT.len(), lines(include_str!("kept.tsv")));
        assert!(KEPT.keys().all(|tag| !PROFILE.contains_key(tag)), "the table has the first word");
        let mut unknown = 0;
        for (tag, cells) in rows(include_str!("profile.tsv")).chain(rows(include_str!("kept.tsv"))) {
            match StandardDataDictionary.by_tag(Tag(tag.0, tag.1)) {
                Some(entry) => assert_eq!(entry.alias(), cells[0], "{tag:04X?}"),
                None => unknown += 1,
            }
        }
        assert!(unknown < 30, "attributes of the 2026 edition that the dictionary does not know yet: {unknown}");
    }

    #[test]
    fn the_rows_that_everybody_knows_are_as_the_standard_has_them() {
        // PS3.15 Table E.1-1, read by hand.
        let cases = [
            (tags::PATIENT_NAME, Action::Empty, Action::Empty),
            (tags::PATIENT_BIRTH_DATE, Action::Empty, Action::Empty),
            (tags::PATIENT_SEX, Action::Empty, Action::Characteristic),
            (tags::PATIENT_AGE, Action::Remove, Action::Characteristic),
            (tags::ALLERGIES, Action::Remove, Action::Remove),
            (tags::STUDY_DATE, Action::Empty, Action::Move),
            (tags::CONTENT_DATE, Action::Dummy, Action::Move),
            (tags::SERIES_DESCRIPTION, Action::Remove, Action::Remove),
            (tags::STUDY_INSTANCE_UID, Action::Uid, Action::Uid),
            (tags::REFERENCED_IMAGE_SEQUENCE, Action::Recurse, Action::Recurse),
            (tags::DEVICE_SERIAL_NUMBER, Action::Dummy, Action::Dummy),
            (Tag(0x6002, 0x4000), Action::Remove, Action::Remove),
            (Tag(0x0009, 0x1001), Action::Remove, Action::Remove),
        ];
        for (tag, basic, with_options) in cases {
            assert_eq!((action(tag, &NONE), action(tag, &BOTH)), (Some(basic), Some(with_options)), "{tag}");
        }
        assert_eq!((action(tags::ROWS, &BOTH), kept(tags::IMAGE_TYPE)), (None, Some(Form::Term)));
    }
}
