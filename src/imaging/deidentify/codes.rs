use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// The units that image modules measure in, as UCUM writes them.
const UNITS: [&str; 26] = [
    "1", "%", "mm", "cm", "m", "um", "mm2", "cm2", "mm3", "cm3", "ml", "s", "ms", "us", "min", "h", "Hz", "kHz", "MHz",
    "Hz/s", "cm/s", "mm/s", "mGy", "deg", "mm2/s", "[hnsf'U]",
];

/// The attributes that make an item a code.
const CODE: [Tag; 5] =
    [tags::CODE_VALUE, tags::CODING_SCHEME_DESIGNATOR, tags::CODE_MEANING, tags::LONG_CODE_VALUE, tags::URN_CODE_VALUE];

/// True for an attribute that a code replaces as a whole: value, scheme, meaning and what goes with them.
pub(super) fn belongs(tag: Tag) -> bool {
    CODE.contains(&tag) || matches!(tag, tags::CODING_SCHEME_VERSION | tags::CONTEXT_IDENTIFIER | tags::CONTEXT_UID)
}

/// True for an item that is, or means to be, a code of the Code Sequence Macro (PS3.3 Table 8.8-1).
pub(super) fn is_code(item: &InMemDicomObject) -> bool {
    CODE.iter().any(|tag| item.get(*tag).is_some())
}

/// The three attributes of a code that says nothing but its code; `None` when it is not one of a public scheme.
///
/// The meaning is free text, so the code itself takes its place.
pub(super) fn clean(item: &InMemDicomObject) -> Option<[DataElement<InMemDicomObject>; 3]> {
    let text = |tag| Some(item.get(tag)?.to_str().ok()?.trim_matches([' ', '\0']).to_owned());
    let (value, scheme) = (text(tags::CODE_VALUE)?, text(tags::CODING_SCHEME_DESIGNATOR)?);
    let element = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
    is_public(&scheme, &value).then(|| {
        [
            element(tags::CODE_VALUE, VR::SH, &value),
            element(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &scheme),
            element(tags::CODE_MEANING, VR::LO, &value),
        ]
    })
}

/// True when `value` has the form of a code of a public scheme.
///
/// # Source
/// PS3.16 Table 8-1 for the schemes.
fn is_public(scheme: &str, value: &str) -> bool {
    let digits = |text: &str, low: usize, high: usize| {
        (low..=high).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    match scheme {
        "DCM" => digits(value, 4, 6),
        "SCT" => digits(value, 6, 18) && is_sct(value),
        "SRT" | "SNM3" | "99SDM" => value.split_once('-').is_some_and(|(axis, code)| {
            matches!(axis.len(), 1 | 2)
                && axis.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && code.len() == 5
                && code.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'))
        }),
        "LN" => value.split_once('-').is_some_and(|(code, check)| digits(code, 1, 6) && digits(check, 1, 1)),
        "RADLEX" => value.strip_prefix("RID").is_some_and(|code| digits(code, 1, 5)),
        "FMA" => digits(value, 2, 6),
        "UCUM" => UNITS.contains(&value),
        _ => false,
    }
}

/// True when the last digit of a SNOMED CT identifier is its check digit, which nine of ten record numbers fail.
///
/// # Source
/// SNOMED CT Release File Specification section 5.4; J. Verhoeff, Error Detecting Decimal Codes, 1969: digits are
/// multiplied in the dihedral group of order 10, the one at place i first permuted i times.
fn is_sct(value: &str) -> bool {
    const PERMUTATION: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    // Rotations are 0 to 4, reflections 5 to 9.
    let multiply = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = value.bytes().rev().enumerate().fold(0, |check, (place, byte)| {
        let digit = usize::from(byte.wrapping_sub(b'0')) % 10;
        let permuted = (0..place % 8).fold(digit, |digit, _| PERMUTATION.get(digit).copied().unwrap_or(0));
        multiply(check, permuted)
    });
    check == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_public_schemes_are_told_by_their_form() {
        // CID 4014 and 4015 (mammography views, in SCT and SRT), 113100 of DCM, 76752008 Breast, 3950001 Birth.
        let codes = [
            ("SCT", "399162004"),
            ("SCT", "399368009"),
            ("SCT", "76752008"),
            ("SCT", "3950001"),
            ("SRT", "R-10242"),
            ("SRT", "T-04000"),
            ("DCM", "113100"),
            ("LN", "18748-4"),
            ("UCUM", "mm2"),
        ];
        assert!(codes.iter().all(|(scheme, value)| is_public(scheme, value)), "{codes:?}");
        let others = [
            ("SCT", "399162005"),
            ("SCT", "Mueller"),
            ("DCM", "Anna"),
            ("99LOCAL", "17"),
            ("UCUM", "ward7"),
            ("SRT", "T-Anna!"),
            ("LN", "MRN-1"),
            ("", ""),
        ];
        assert!(others.iter().all(|(scheme, value)| !is_public(scheme, value)), "{others:?}");
    }
}
