//! What a value must look like to stay: identifying text that was typed into an innocent attribute does not pass.

/// Longest run of digits in a code string or phrase; record numbers are longer.
const MAX_DIGITS: usize = 4;

/// True for a code string (VR CS): at most 16 capitals, digits, spaces and underscores, no long run of digits.
///
/// # Source
/// PS3.5 section 6.2. Patient-relative directions (`A\\FL`) are code strings too.
pub(super) fn is_term(value: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'_');
    value.len() <= 16 && value.bytes().all(legal) && !has_long_number(value)
}

/// True for a short phrase of a vendor: at most 64 plain characters, no `^` or `@`, no long run of digits.
pub(super) fn is_words(value: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b" .,+-/_*()[]:%".contains(&byte);
    value.len() <= 64 && value.bytes().all(legal) && !has_long_number(value)
}

/// True for a DS or IS value: one finite number of at most 16 characters.
pub(super) fn is_number(value: &str) -> bool {
    let value = value.trim();
    let legal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    value.is_empty() || value.len() <= 16 && value.bytes().all(legal) && value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// The age (VR AS) that may be told: ages of 90 years and above become 90; `None` when it is no age.
///
/// # Source
/// 45 CFR 164.514(b)(2)(i)(C) for the limit, PS3.5 section 6.2 for the form. Other units end before 90 years.
pub(super) fn age(value: &str) -> Option<String> {
    let value = value.trim();
    match *value.as_bytes() {
        [a, b, c, unit] if [a, b, c].iter().all(u8::is_ascii_digit) && b"DWMY".contains(&unit) => {
            let years: u32 = value.get(..3)?.parse().ok()?;
            Some(if unit == b'Y' && years >= 90 { "090Y".to_owned() } else { value.to_owned() })
        }
        _ => None,
    }
}

/// True when more digits follow each other than a size, a field strength or a model number has.
fn has_long_number(value: &str) -> bool {
    value.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > MAX_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_code_strings_and_nothing_else() {
        assert!(["HFS", "MONOCHROME2", "T2 PREPARATION", "M_FFE", ""].iter().all(|term| is_term(term)));
        assert!(
            ["Mueller", "MRN 7712345", "A^B", "ABCDEFGHIJKLMNOPQ", "M\u{dc}LLER"].iter().all(|term| !is_term(term))
        );
    }

    #[test]
    fn words_are_plain_and_hold_no_record_number() {
        assert!(["SIEMENS", "*fl3d1", "GE MEDICAL SYSTEMS", "MAMMOMAT 3000 Nova"].iter().all(|words| is_words(words)));
        assert!(["M\u{fc}ller", "Doe^Jane", "jane@home", "unit 00912", "a=b"].iter().all(|words| !is_words(words)));
    }

    #[test]
    fn numbers_are_finite_and_short() {
        assert!(["1", "-2.5", "1e-3", "+.5", "", " 3 "].iter().all(|number| is_number(number)));
        assert!(["Anna", "1-2", "inf", "1e999", "12345678901234567", "0x1"].iter().all(|number| !is_number(number)));
    }

    #[test]
    fn ages_from_ninety_are_ninety() {
        let cases = [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("999M", "999M"), ("010D ", "010D")];
        assert!(cases.iter().all(|(from, to)| age(from).as_deref() == Some(*to)));
        assert!(["", "45", "45Y", "O45Y", "045X", "Anna"].iter().all(|wrong| age(wrong).is_none()));
    }
}
