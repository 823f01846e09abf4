//! The proof by phantom: every attribute of the dictionary that can hold text carries a marker of its own, at the top, in
//! sequences, in private groups, in the file meta information and in the preamble, and none may survive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, Length, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use walkdir::WalkDir;

use super::super::synthetic::Synthetic;
use super::profile::{self, Form};
use super::*;

/// Groups of the data dictionary (PS3.6 chapter 6) that a dataset can hold.
const GROUPS: [u16; 69] = [
    0x0008, 0x0010, 0x0012, 0x0014, 0x0016, 0x0018, 0x0020, 0x0022, 0x0024, 0x0028, 0x0032, 0x0034, 0x0038, 0x003a,
    0x0040, 0x0042, 0x0044, 0x0046, 0x0048, 0x0050, 0x0052, 0x0054, 0x0060, 0x0062, 0x0064, 0x0066, 0x0068, 0x006a,
    0x0070, 0x0072, 0x0074, 0x0076, 0x0078, 0x0080, 0x0082, 0x0088, 0x0100, 0x0400, 0x1000, 0x1010, 0x2000, 0x2010,
    0x2020, 0x2030, 0x2040, 0x2050, 0x2100, 0x2110, 0x2120, 0x2130, 0x2200, 0x3002, 0x3004, 0x3006, 0x3008, 0x300a,
    0x300c, 0x300e, 0x3010, 0x4000, 0x4008, 0x4010, 0x4ffe, 0x5000, 0x5200, 0x5400, 0x5600, 0x6000, 0x6002,
];

/// Days between the dates of two markers, more than any shift, so that no shifted date is another marker.
const DATE_STEP: i64 = 4000;

/// Every attribute of the dictionary with its VR.
fn dictionary() -> Vec<(Tag, VR)> {
    let vr = |tag: Tag| match StandardDataDictionary.by_tag(tag)?.vr() {
        VirtualVr::Exact(vr) => Some(vr),
        VirtualVr::Ox | VirtualVr::Px => Some(VR::OB),
        _ => Some(VR::US),
    };
    GROUPS
        .iter()
        .flat_map(|group| (1..=u16::MAX).map(move |element| Tag(*group, element)))
        .filter_map(|tag| Some((tag, vr(tag)?)))
        .collect()
}

/// Makes markers of eight bytes, each once, and remembers where it put them.
#[derive(Default)]
struct Marks {
    placed: BTreeMap<String, String>,
    dates: i64,
    /// Spells markers in capitals, so that they pass for code strings.
    capitals: bool,
}

impl Marks {
    /// A marker that is text.
    fn text(&mut self, place: &str) -> String {
        let n = self.placed.len();
        let marker = if self.capitals {
            let letter = |power: usize| char::from(b'A' + (n / 26usize.pow(power as u32) % 26) as u8);
            format!("QX{}QX", (0..4).map(letter).collect::<String>())
        } else {
            format!("Mk{n:05}q")
        };
        self.placed.insert(marker.clone(), place.to_owned());
        marker
    }

    /// A UID with a marker between dots.
    fn uid(&mut self, place: &str) -> String {
        let marker = format!(".{}.9", 20_000 + self.placed.len());
        self.placed.insert(marker.clone(), place.to_owned());
        format!("1.3.999{marker}")
    }

    /// A date that is a marker.
    fn date(&mut self, place: &str) -> String {
        self.dates += 1;
        // The shifter itself is proven in `dates`; 0 - 4000 k days from 9990-01-01.
        let marker = super::dates::shift_date("99900101", DATE_STEP * self.dates).unwrap();
        self.placed.insert(marker.clone(), place.to_owned());
        marker
    }

    /// A marker in the form of a VR; `None` for VRs of numbers, which hold no text.
    fn value(&mut self, vr: VR, place: &str) -> Option<PrimitiveValue> {
        Some(match vr {
            VR::UI => self.uid(place).into(),
            VR::DA if !self.capitals => self.date(place).into(),
            VR::DT if !self.capitals => format!("{}101112", self.date(place)).into(),
            VR::AE | VR::AS | VR::CS | VR::DS | VR::IS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::TM => {
                self.text(place).into()
            }
            VR::DA | VR::DT | VR::UC | VR::UR | VR::UT => self.text(place).into(),
            VR::OB | VR::OW | VR::OF | VR::OD | VR::OL | VR::OV | VR::UN => {
                PrimitiveValue::U8(self.text(place).into_bytes().into())
            }
            _ => return None,
        })
    }

    /// The markers found in the bytes, by their places.
    fn found(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        bytes
            .windows(8)
            .enumerate()
            .filter(|(at, window)| {
                // Eight digits inside a UID are no date.
                let inside = *at > 0 && bytes.get(at - 1).is_some_and(number);
                !(inside && window.iter().all(u8::is_ascii_digit))
            })
            .filter_map(|(_, window)| self.placed.get(std::str::from_utf8(window).ok()?).map(String::as_str))
            .collect()
    }
}

/// An item in which names, identifiers, dates and free text lie, to the given depth.
fn item(marks: &mut Marks, place: &str, depth: usize) -> InMemDicomObject {
    let leaves = [
        (tags::PATIENT_NAME, VR::PN),
        (tags::PATIENT_ID, VR::LO),
        (tags::INSTITUTION_NAME, VR::LO),
        (tags::OPERATORS_NAME, VR::PN),
        (tags::SERIES_DESCRIPTION, VR::LO),
        (tags::IMAGE_COMMENTS, VR::LT),
        (tags::TEXT_VALUE, VR::UT),
        (tags::IMAGE_TYPE, VR::CS),
        (tags::REFERENCED_SOP_INSTANCE_UID, VR::UI),
        (Tag(0x0009, 0x0010), VR::LO),
        (Tag(0x0009, 0x1001), VR::UN),
        (Tag(0x0018, 0xfff1), VR::LO),
        (tags::PIXEL_DATA, VR::OB),
    ];
    let mut elements = Vec::new();
    for (tag, vr) in leaves {
        let value = marks.value(vr, &format!("{place} > {tag}")).unwrap();
        elements.push(DataElement::new(tag, vr, value));
    }
    if depth > 0 {
        let place = format!("{place} > items");
        let inner = vec![item(marks, &place, depth - 1), code(marks, &place)];
        elements.push(sequence(tags::SOURCE_IMAGE_SEQUENCE, inner));
    }
    InMemDicomObject::from_element_iter(elements)
}

/// A code of a public scheme whose meaning and companions are markers.
fn code(marks: &mut Marks, place: &str) -> InMemDicomObject {
    let mut code = Synthetic(item(marks, &format!("{place} > code"), 0));
    let meaning = marks.text(&format!("{place} > meaning"));
    let version = marks.text(&format!("{place} > version"));
    code.text(tags::CODE_VALUE, VR::SH, "113100")
        .text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM")
        .text(tags::CODING_SCHEME_VERSION, VR::SH, &version)
        .text(tags::CODE_MEANING, VR::LO, &meaning);
    code.0
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::new(items, Length::UNDEFINED))
}

/// The dataset of the phantom: markers wherever the dictionary allows text, and an image that stays.
fn tagged(marks: &mut Marks) -> Synthetic {
    let mut phantom = Synthetic::new("MG", 2, 2, &[1, 2, 3, 4]);
    for (tag, vr) in dictionary() {
        let image = phantom.0.get(tag).is_some() && !matches!(vr, VR::LO | VR::UI) || tag == tags::SOP_CLASS_UID;
        let table = matches!(profile::kept(tag), Some(Form::Bulk | Form::Pixels));
        let place = StandardDataDictionary.by_tag(tag).unwrap().alias();
        if image || table {
            continue;
        } else if vr == VR::SQ {
            let items = vec![item(marks, place, 1), code(marks, place)];
            phantom.0.put(sequence(tag, items));
        } else if let Some(value) = marks.value(vr, place) {
            phantom.0.put(DataElement::new(tag, vr, value));
        }
    }
    for (tag, vr) in [(0x0010, VR::LO), (0x1001, VR::LO), (0x1002, VR::UN), (0x1003, VR::PN)]
        .into_iter()
        .flat_map(|(element, vr)| [0x0009, 0x0029, 0x7fe1].map(|group| (Tag(group, element), vr)))
        .chain([(Tag(0x0020, 0xfff1), VR::LO), (Tag(0xfffc, 0xfffc), VR::OB)])
    {
        let value = marks.value(vr, &format!("{tag}")).unwrap();
        phantom.0.put(DataElement::new(tag, vr, value));
    }
    phantom
}

/// The bytes of a file whose preamble and meta information hold markers too.
fn file(phantom: &Synthetic, marks: &mut Marks) -> Vec<u8> {
    let mut place = |name: &str| marks.text(name);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .implementation_class_uid("1.3.999.1")
        .implementation_version_name(place("ImplementationVersionName"))
        .source_application_entity_title(place("SourceApplicationEntityTitle"))
        .sending_application_entity_title(place("SendingApplicationEntityTitle"))
        .receiving_application_entity_title(place("ReceivingApplicationEntityTitle"))
        .private_information_creator_uid("1.3.999.2")
        .private_information(place("PrivateInformation").into_bytes());
    let mut bytes = Vec::new();
    phantom.0.clone().with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    let preamble = marks.text("preamble");
    bytes[..8].copy_from_slice(preamble.as_bytes());
    bytes[120..128].copy_from_slice(preamble.as_bytes());
    bytes
}

/// All that a run leaves behind: names and bytes of the outputs, the report in every form, the sentences of refusals.
fn traces(source: &Path, options: &DeidentifyOptions) -> (Vec<u8>, DeidentifyReport) {
    let out = tempfile::tempdir().unwrap();
    let key = DeidentifyKey::from_bytes((0..64).collect()).unwrap();
    let report = deidentify_folder(source, out.path(), &key, options, &|_, _| {}).unwrap();
    let mut traces = format!("{report:?}{}", serde_json::to_string(&report).unwrap()).into_bytes();
    for file in &report.files {
        if let Outcome::Refused { reason } = file.outcome {
            traces.extend(reason.to_string().into_bytes());
        }
        file.risks.iter().for_each(|risk| traces.extend(risk.to_string().into_bytes()));
    }
    for entry in WalkDir::new(out.path()) {
        let entry = entry.unwrap();
        traces.extend(entry.path().strip_prefix(out.path()).unwrap().display().to_string().into_bytes());
        if entry.file_type().is_file() {
            traces.extend(fs::read(entry.path()).unwrap());
        }
    }
    (traces, report)
}

#[test]
fn no_identifier_of_a_tagged_phantom_survives_in_any_output() {
    let mut marks = Marks::default();
    let mut phantom = tagged(&mut marks);
    // The characteristics that Retain Patient Characteristics keeps, one by one, with values that are none of the markers.
    phantom
        .text(tags::PATIENT_SEX, VR::CS, "F")
        .text(tags::PATIENT_AGE, VR::AS, "097Y")
        .text(tags::PATIENT_SIZE, VR::DS, "1.625")
        .text(tags::PATIENT_WEIGHT, VR::DS, "71.25")
        .text(Tag(0x0010, 0x2160), VR::SH, "group of her own")
        .text(tags::SMOKING_STATUS, VR::CS, "NO")
        .number(tags::PREGNANCY_STATUS, 1);
    let bytes = file(&phantom, &mut marks);
    let before = marks.found(&bytes).len();
    assert!(before > 15_000, "the phantom holds its markers: {before}");
    let source = tempfile::tempdir().unwrap();
    let folder = marks.text("folder name");
    fs::create_dir_all(source.path().join(&folder)).unwrap();
    fs::write(source.path().join(&folder).join(marks.text("file name")), &bytes).unwrap();
    // A file that breaks off inside a marker, one without pixels and one that is no DICOM: refused without a word of theirs.
    fs::write(source.path().join(marks.text("broken file")), &bytes[..bytes.len() / 2]).unwrap();
    phantom.0.remove_element(tags::PIXEL_DATA);
    let report = file(&phantom, &mut marks);
    fs::write(source.path().join(marks.text("report file")), report).unwrap();
    fs::write(source.path().join(marks.text("text file")), marks.text("text")).unwrap();
    let strict =
        DeidentifyOptions { retain_patient_characteristics: false, retain_modified_dates: false, ..Default::default() };
    for options in [DeidentifyOptions::default(), strict] {
        let (traces, report) = traces(source.path(), &options);
        assert_eq!((report.files.len(), report.written()), (4, 1), "{report:?}");
        assert_eq!(marks.found(&traces), BTreeSet::new(), "{options:?}");
        let holds = |text: &str| traces.windows(text.len()).any(|window| window == text.as_bytes());
        let kept = options.retain_patient_characteristics;
        for characteristic in ["090Y", "1.625", "71.25", "group of her own"] {
            assert_eq!(holds(characteristic), kept, "{characteristic}");
        }
        // A code by its header, since six digits alone may lie in a UID.
        let coded = |code: &str| holds(&format!("SH\x06\0{code}"));
        assert!(!holds("097Y") && coded("113100") && holds("MONOCHROME2"));
        assert_eq!((holds("MODIFIED"), coded("113107"), coded("113108")), (kept, kept, kept));
    }
}

#[test]
fn text_that_passes_for_a_term_survives_only_in_the_closed_list() {
    let mut marks = Marks { capitals: true, ..Marks::default() };
    let phantom = tagged(&mut marks);
    let source = tempfile::tempdir().unwrap();
    phantom.write(source.path(), "a.dcm");
    let (traces, report) = traces(source.path(), &DeidentifyOptions::default());
    assert_eq!(report.written(), 1, "{report:?}");
    let survivors: BTreeSet<String> = marks.found(&traces).into_iter().map(str::to_owned).collect();
    let mut expected: BTreeSet<String> = dictionary()
        .into_iter()
        .filter(|(tag, _)| matches!(profile::kept(*tag), Some(Form::Term | Form::Words)))
        .map(|(tag, _)| StandardDataDictionary.by_tag(tag).unwrap().alias().to_owned())
        .collect();
    expected.insert("EthnicGroup".to_owned());
    let nested: Vec<&String> = survivors.difference(&expected).filter(|p| !p.ends_with("> (0008,0008)")).collect();
    assert_eq!(nested, Vec::<&String>::new(), "beside the ImageType of items nothing else stays");
    assert_eq!(expected.difference(&survivors).collect::<Vec<_>>(), Vec::<&String>::new());
}
