use dicom_core::value::Value;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::Error;

/// Something that holds DICOM attributes by name, read as typed values; absent, empty and malformed are told apart.
pub(super) trait Attributes<'a> {
    /// The element of a DICOM name; `None` when absent or without a value.
    fn element(&self, name: &'static str) -> Option<&'a InMemElement>;

    /// Trimmed text; `None` when absent or empty.
    fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        let Some(element) = self.element(name) else { return Ok(None) };
        let text = element.to_str().map_err(|_| malformed(name, "text", element))?;
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// All whole numbers; `None` when absent or empty.
    fn integers(&self, name: &'static str) -> Result<Option<Vec<i64>>, Error> {
        let Some(element) = self.element(name) else { return Ok(None) };
        if self.text(name).is_ok_and(|text| text.is_none()) {
            return Ok(None);
        }
        element.to_multi_int::<i64>().map(Some).map_err(|_| malformed(name, "a whole number", element))
    }

    /// The first whole number; `None` when absent or empty.
    fn integer(&self, name: &'static str) -> Result<Option<i64>, Error> {
        Ok(self.integers(name)?.and_then(|values| values.first().copied()))
    }

    /// All numbers, finite; `None` when absent or empty.
    fn numbers(&self, name: &'static str) -> Result<Option<Vec<f64>>, Error> {
        let Some(element) = self.element(name) else { return Ok(None) };
        if self.text(name).is_ok_and(|text| text.is_none()) {
            return Ok(None);
        }
        match element.to_multi_float64() {
            Ok(values) if values.iter().all(|value| value.is_finite()) => Ok(Some(values)),
            _ => Err(malformed(name, "a number", element)),
        }
    }

    /// The first number; `None` when absent or empty.
    fn number(&self, name: &'static str) -> Result<Option<f64>, Error> {
        Ok(self.numbers(name)?.and_then(|values| values.first().copied()))
    }

    /// Exactly `N` numbers; `None` when absent or empty.
    fn vector<const N: usize>(&self, name: &'static str) -> Result<Option<[f64; N]>, Error> {
        let Some(values) = self.numbers(name)? else { return Ok(None) };
        <[f64; N]>::try_from(values).map(Some).map_err(|values| Error::Malformed {
            attribute: name,
            expected: "another count of numbers",
            found: format!("{} of them", values.len()),
        })
    }

    /// A whole number that must be there and lie in `low..=high`.
    fn required(&self, name: &'static str, low: i64, high: i64) -> Result<usize, Error> {
        let value = self.integer(name)?.ok_or(Error::Absent { attribute: name })?;
        usize::try_from(value).ok().filter(|_| (low..=high).contains(&value)).ok_or(Error::Malformed {
            attribute: name,
            expected: "a size within the standard",
            found: value.to_string(),
        })
    }

    /// The items of a sequence; none when it is absent or not a sequence.
    fn items(&self, name: &'static str) -> Vec<Item<'a>> {
        self.element(name).and_then(|element| element.items()).unwrap_or_default().iter().map(Item).collect()
    }

    /// The code (CodeValue, CodingSchemeDesignator, CodeMeaning) of the first item of a code sequence.
    fn code(&self, name: &'static str) -> Result<Option<Code>, Error> {
        let Some(item) = self.items(name).first().copied() else { return Ok(None) };
        let Some(value) = item.text("CodeValue")? else { return Ok(None) };
        let scheme = item.text("CodingSchemeDesignator")?.unwrap_or_default();
        Ok(Some(Code { value, scheme, meaning: item.text("CodeMeaning")?.unwrap_or_default() }))
    }
}

/// A coded concept.
///
/// # Source
/// PS3.3 section 8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Code {
    /// CodeValue (`R-10242`, `399162004`).
    pub value: String,
    /// CodingSchemeDesignator (`SRT`, `SCT`, `DCM`).
    pub scheme: String,
    /// CodeMeaning, for people.
    pub meaning: String,
}

/// A dataset, or an item of a sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a>(pub &'a InMemDicomObject);

impl<'a> Attributes<'a> for Item<'a> {
    fn element(&self, name: &'static str) -> Option<&'a InMemElement> {
        let element = self.0.element_by_name(name).ok()?;
        let empty = matches!(element.value(), Value::Primitive(value) if value.calculate_byte_len() == 0);
        (!empty).then_some(element)
    }
}

/// What holds of one frame of a multi-frame object: its own functional groups, then those that all frames share, then
/// the dataset.
///
/// # Source
/// PS3.3 C.7.6.16: each functional group is a sequence of one item.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameAttributes<'a> {
    own: Option<Item<'a>>,
    shared: Option<Item<'a>>,
    dataset: Item<'a>,
}

impl<'a> FrameAttributes<'a> {
    /// The attributes of the frame with that zero-based number.
    pub fn new(dataset: &'a InMemDicomObject, frame: usize) -> Self {
        let dataset = Item(dataset);
        let items = |name| dataset.element(name).and_then(|element| element.items());
        let own = items("PerFrameFunctionalGroupsSequence").and_then(|items| items.get(frame)).map(Item);
        let shared = items("SharedFunctionalGroupsSequence").and_then(|items| items.first()).map(Item);
        Self { own, shared, dataset }
    }
}

impl<'a> Attributes<'a> for FrameAttributes<'a> {
    fn element(&self, name: &'static str) -> Option<&'a InMemElement> {
        let grouped = |groups: Item<'a>| {
            // The attribute is a group itself, or lies in the first item of one.
            groups.element(name).or_else(|| {
                let groups = groups.0.iter().filter_map(|group| group.items().and_then(<[_]>::first));
                groups.filter_map(|group| Item(group).element(name)).next()
            })
        };
        self.own.and_then(grouped).or_else(|| self.shared.and_then(grouped)).or_else(|| self.dataset.element(name))
    }
}

/// An error of an attribute with its value, shortened.
fn malformed(attribute: &'static str, expected: &'static str, element: &InMemElement) -> Error {
    let found = element.to_str().map_or_else(|_| "a sequence".to_owned(), |text| text.chars().take(40).collect());
    Error::Malformed { attribute, expected, found }
}
