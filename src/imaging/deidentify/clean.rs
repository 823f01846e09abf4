use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::value::{DataSetSequence, Value};
use dicom_core::{DataElement, Length, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::dates::{is_time, is_zone, shift_date, shift_date_time};
use super::echoes::Echoes;
use super::profile::{self, Action, Form};
use super::{DeidentifyKey, DeidentifyOptions, codes, grammar};

/// Sequences are entered down to this depth; what lies deeper is removed.
pub(super) const MAX_DEPTH: usize = 24;

/// The value of a text attribute that must have one.
const DUMMY: &str = "REMOVED";

/// The root of the UIDs that the standard itself defines.
const STANDARD_UIDS: &str = "1.2.840.10008.";

/// Where the standard defines frames of reference, coding schemes, context groups and mapping resources (PS3.6 Annex A):
/// the only UIDs of its own that belong into an attribute for UIDs of instances.
const WELL_KNOWN: [&str; 4] = ["1.2.840.10008.1.4.", "1.2.840.10008.2.", "1.2.840.10008.6.", "1.2.840.10008.8."];

/// Cleans the datasets of one file.
pub(super) struct Cleaner<'a> {
    pub key: &'a DeidentifyKey,
    pub options: &'a DeidentifyOptions,
    /// Days by which the dates of the patient move back.
    pub days: i64,
    /// Names and identifiers that must not come back in a kept value.
    pub identifiers: Echoes,
    /// Attributes removed, emptied or replaced so far.
    pub changed: usize,
    /// Attributes removed so far because they held one of the identifiers.
    pub echoes: usize,
}

/// What becomes of one attribute.
enum Fate {
    Same(InMemElement),
    New(InMemElement),
    Gone,
}

impl Cleaner<'_> {
    /// The dataset without what identifies a person; `depth` is 0 at the top.
    pub fn dataset(&mut self, dataset: InMemDicomObject, depth: usize) -> InMemDicomObject {
        let mut cleaned = InMemDicomObject::new_empty();
        for element in dataset {
            match self.element(element, depth) {
                Fate::Same(element) => drop(cleaned.put(element)),
                Fate::New(element) => {
                    self.changed += 1;
                    cleaned.put(element);
                }
                Fate::Gone => self.changed += 1,
            }
        }
        cleaned
    }

    fn element(&mut self, element: InMemElement, depth: usize) -> Fate {
        let (tag, vr) = (element.header().tag, element.header().vr);
        // Group lengths are stale after any change; groups below 8 belong to the network, the file and its directory.
        if tag.1 == 0 || tag.0 < 0x0008 {
            return Fate::Gone;
        }
        match profile::action(tag, self.options) {
            Some(Action::Remove) => Fate::Gone,
            Some(Action::Empty) => Fate::New(DataElement::empty(tag, vr)),
            Some(Action::Dummy) => Fate::New(self.dummy(&element)),
            Some(Action::Uid) => self.uids(element, |uid| WELL_KNOWN.iter().any(|root| uid.starts_with(root))),
            Some(Action::Recurse) => self.sequence(element, depth),
            Some(Action::Characteristic) => self.characteristic(element, depth),
            Some(Action::Move) => match self.moved(&element) {
                Some(moved) => Fate::New(moved),
                None => Fate::New(DataElement::empty(tag, vr)),
            },
            None => self.unlisted(element, depth),
        }
    }

    /// An attribute that Table E.1-1 does not name: numbers, dates and UIDs by their kind, all else by the closed list.
    fn unlisted(&mut self, element: InMemElement, depth: usize) -> Fate {
        let tag = element.header().tag;
        let Some(entry) = StandardDataDictionary.by_tag(tag) else { return Fate::Gone };
        let declared = match entry.vr() {
            VirtualVr::Exact(vr) => Some(vr),
            _ => None,
        };
        match element.vr() {
            VR::SQ => self.sequence(element, depth),
            VR::UI => self.uids(element, |_| true),
            VR::DA | VR::DT | VR::TM if self.options.retain_modified_dates => {
                self.moved(&element).map_or(Fate::Gone, Fate::New)
            }
            VR::DS | VR::IS => self.judged(element, |value| grammar::is_number(value).then(|| value.to_owned())),
            VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::UV | VR::SV | VR::AT
                if !declared.is_some_and(holds_text) =>
            {
                Fate::Same(element)
            }
            _ => self.listed(element, depth),
        }
    }

    /// A text or bulk attribute, if the closed list has it.
    fn listed(&mut self, element: InMemElement, depth: usize) -> Fate {
        let (tag, vr) = (element.header().tag, element.vr());
        let bytes = matches!(vr, VR::OB | VR::OW | VR::OF | VR::OD | VR::OL | VR::OV | VR::US | VR::SS);
        match profile::kept(tag) {
            Some(Form::Bulk) if bytes => Fate::Same(element),
            Some(Form::Pixels) if bytes && depth == 0 => Fate::Same(element),
            Some(Form::Dummy) => Fate::New(self.dummy(&element)),
            Some(Form::Term) => self.phrases(element, grammar::is_term),
            Some(Form::Words) => self.phrases(element, grammar::is_words),
            Some(Form::OneOf(values)) if values_among(&element, values) => Fate::Same(element),
            _ => Fate::Gone,
        }
    }

    /// A characteristic of the patient that Retain Patient Characteristics keeps.
    fn characteristic(&mut self, element: InMemElement, depth: usize) -> Fate {
        let tag = element.header().tag;
        match element.vr() {
            VR::SQ => self.sequence(element, depth),
            VR::AS => self.judged(element, grammar::age),
            VR::DS | VR::IS => self.judged(element, |value| grammar::is_number(value).then(|| value.to_owned())),
            VR::US if tag == tags::PREGNANCY_STATUS => Fate::Same(element),
            VR::CS => match tag {
                tags::PATIENT_SEX if values_among(&element, "M|F|O") => Fate::Same(element),
                tags::PATIENT_SEX_NEUTERED if values_among(&element, "ALTERED|UNALTERED") => Fate::Same(element),
                tags::SMOKING_STATUS if values_among(&element, "YES|NO|UNKNOWN") => Fate::Same(element),
                _ => Fate::New(DataElement::empty(tag, VR::CS)),
            },
            VR::SH | VR::LO | VR::UC => self.phrases(element, grammar::is_words),
            _ => Fate::Gone,
        }
    }

    /// A text attribute without the values that look wrong or repeat an identifier; the others keep their places.
    fn phrases(&mut self, element: InMemElement, looks_right: fn(&str) -> bool) -> Fate {
        let Ok(values) = element.value().to_multi_str() else { return Fate::Gone };
        let (mut kept, mut copied) = (Vec::with_capacity(values.len()), false);
        for value in values.iter() {
            let echo = self.identifiers.found_in(value);
            copied |= echo;
            kept.push(if !echo && looks_right(value.trim()) { value.clone() } else { String::new() });
        }
        self.echoes += usize::from(copied);
        if kept[..] == values[..] {
            Fate::Same(element)
        } else if kept.iter().all(String::is_empty) {
            Fate::Gone
        } else {
            Fate::New(strings(element.header().tag, element.vr(), kept))
        }
    }

    /// A number or age: every value passes `judge`, which may change it, and none is an identifier; or all go.
    fn judged(&mut self, element: InMemElement, judge: impl Fn(&str) -> Option<String>) -> Fate {
        let Ok(values) = element.value().to_multi_str() else { return Fate::Gone };
        let judged: Option<Vec<String>> = values.iter().map(|value| judge(value)).collect();
        let Some(judged) = judged else { return Fate::Gone };
        if judged.iter().any(|value| self.identifiers.is_id(value)) {
            self.echoes += 1;
            return Fate::Gone;
        }
        if judged[..] == values[..] {
            return Fate::Same(element);
        }
        Fate::New(strings(element.header().tag, element.vr(), judged))
    }

    /// A sequence with cleaned items, and without the codes that are none of a public scheme.
    fn sequence(&mut self, element: InMemElement, depth: usize) -> Fate {
        let (tag, vr) = (element.header().tag, element.header().vr);
        let (VR::SQ, Value::Sequence(sequence)) = (vr, element.into_value()) else { return Fate::Gone };
        if depth >= MAX_DEPTH {
            return Fate::Gone;
        }
        let items: Vec<InMemDicomObject> =
            sequence.into_items().into_iter().filter_map(|item| self.item(item, depth + 1)).collect();
        Fate::Same(DataElement::new(tag, VR::SQ, DataSetSequence::new(items, Length::UNDEFINED)))
    }

    fn item(&mut self, item: InMemDicomObject, depth: usize) -> Option<InMemDicomObject> {
        if !codes::is_code(&item) {
            return Some(self.dataset(item, depth));
        }
        let code = codes::clean(&item);
        self.changed += usize::from(code.is_none());
        let rest = InMemDicomObject::from_element_iter(item.into_iter().filter(|e| !codes::belongs(e.header().tag)));
        let mut cleaned = self.dataset(rest, depth);
        code?.into_iter().for_each(|element| drop(cleaned.put(element)));
        Some(cleaned)
    }

    /// UIDs replaced one by one; those of the standard stay where `stays` allows it.
    fn uids(&self, element: InMemElement, stays: impl Fn(&str) -> bool) -> Fate {
        let (tag, vr) = (element.header().tag, element.vr());
        let (VR::UI, Ok(values)) = (vr, element.value().to_multi_str()) else { return Fate::Gone };
        let replaced: Vec<String> =
            values
                .iter()
                .map(|uid| uid.trim_matches([' ', '\0']))
                .map(|uid| {
                    if uid.is_empty() || is_standard_uid(uid) && stays(uid) {
                        uid.to_owned()
                    } else {
                        self.key.uid(uid)
                    }
                })
                .collect();
        if replaced[..] == values[..] { Fate::Same(element) } else { Fate::New(strings(tag, vr, replaced)) }
    }

    /// Dates moved, clocks and zones as they are; `None` when a value is none of these.
    fn moved(&self, element: &InMemElement) -> Option<InMemElement> {
        let (tag, vr) = (element.header().tag, element.vr());
        let values = element.value().to_multi_str().ok()?;
        let same = |value: &str, right: bool| right.then(|| value.to_owned());
        let moved: Option<Vec<String>> = values
            .iter()
            .map(|value| match vr {
                _ if value.trim().is_empty() => Some(String::new()),
                VR::DA => shift_date(value, self.days),
                VR::DT => shift_date_time(value, self.days),
                VR::TM => same(value, is_time(value)),
                VR::SH => same(value, tag == tags::TIMEZONE_OFFSET_FROM_UTC && is_zone(value)),
                _ => None,
            })
            .collect();
        moved.map(|values| strings(tag, vr, values))
    }

    /// The attribute with a value that says nothing.
    fn dummy(&self, element: &InMemElement) -> InMemElement {
        let (tag, vr) = (element.header().tag, element.header().vr);
        let value: PrimitiveValue = match vr {
            VR::DA => "19000101".into(),
            VR::DT => "19000101000000".into(),
            VR::TM => "000000".into(),
            VR::AS => "000Y".into(),
            VR::DS | VR::IS => "0".into(),
            VR::UI => self.key.uid(&element.to_str().unwrap_or_default()).into(),
            VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UR | VR::UT => DUMMY.into(),
            VR::OB => PrimitiveValue::U8([0, 0].into()),
            _ => return DataElement::empty(tag, vr),
        };
        DataElement::new(tag, vr, value)
    }
}

/// True for a UID that the standard defines: digits and dots below its root.
pub(super) fn is_standard_uid(uid: &str) -> bool {
    uid.len() <= 64
        && uid.strip_prefix(STANDARD_UIDS).is_some_and(|rest| {
            // The longest component of the standard's own UIDs has five digits, in SOP classes of frames.
            rest.split('.').all(|part| !part.is_empty() && part.len() <= 5 && part.bytes().all(|b| b.is_ascii_digit()))
        })
}

/// True when every value of a text attribute is one of those between the bars.
fn values_among(element: &InMemElement, allowed: &str) -> bool {
    let text = element.vr() == VR::CS;
    text && element.value().to_multi_str().is_ok_and(|values| {
        values.iter().all(|value| value.trim().is_empty() || allowed.split('|').any(|known| known == value.trim()))
    })
}

/// True for a VR whose values are text.
fn holds_text(vr: VR) -> bool {
    matches!(vr, VR::AE | VR::AS | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UR | VR::UT)
}

/// A text element of several values.
fn strings(tag: Tag, vr: VR, values: Vec<String>) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::Strs(values.into()))
}
