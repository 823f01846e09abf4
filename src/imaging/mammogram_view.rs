use serde::{Deserialize, Serialize};

use super::Error;
use super::attributes::{Attributes, Code};
use super::header::told;

/// What a digital mammogram was processed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentationIntent {
    /// Processed by the maker for reading.
    ForPresentation,
    /// The detector's values, nearly linear in exposure; input of further processing.
    ForProcessing,
}

/// How a view departs from the standard one of its name.
///
/// # Source
/// PS3.16 CID 4015.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewModifier {
    /// Spot compression: a part of the breast under a small paddle.
    SpotCompression,
    /// Magnification: a part of the breast, nearer to the source.
    Magnification,
    /// Implant displaced (Eklund): tissue pulled in front of the implant.
    ImplantDisplaced,
    /// Both breasts' inner parts.
    Cleavage,
    /// Axillary tail.
    AxillaryTail,
    /// Axillary tissue.
    AxillaryTissue,
    /// Rolled laterally.
    RolledLateral,
    /// Rolled medially.
    RolledMedial,
    /// Rolled superiorly.
    RolledSuperior,
    /// Rolled inferiorly.
    RolledInferior,
    /// Tangential to the skin.
    Tangential,
    /// Anterior compression: a second exposure of the front of the breast.
    AnteriorCompression,
    /// Nipple in profile.
    NippleInProfile,
    /// Inframammary fold.
    InframammaryFold,
}

impl ViewModifier {
    /// The modifier in words, lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpotCompression => "spot compression",
            Self::Magnification => "magnification",
            Self::ImplantDisplaced => "implant displaced",
            Self::Cleavage => "cleavage",
            Self::AxillaryTail => "axillary tail",
            Self::AxillaryTissue => "axillary tissue",
            Self::RolledLateral => "rolled laterally",
            Self::RolledMedial => "rolled medially",
            Self::RolledSuperior => "rolled superiorly",
            Self::RolledInferior => "rolled inferiorly",
            Self::Tangential => "tangential",
            Self::AnteriorCompression => "anterior compression",
            Self::NippleInProfile => "nipple in profile",
            Self::InframammaryFold => "inframammary fold",
        }
    }
}

impl ViewModifier {
    /// True when the image still shows the breast as the standard view of its name does.
    ///
    /// Spot, magnified, rolled, tangential and regional images show a part, or another projection.
    #[must_use]
    pub fn is_standard(self) -> bool {
        matches!(self, Self::ImplantDisplaced | Self::NippleInProfile)
    }
}

/// The views by SNOMED CT code, by the SRT code of older files, and by the value of ViewPosition.
///
/// # Source
/// PS3.16 CID 4014; PS3.16 annex M maps SRT onto SNOMED CT; ViewPosition as in PS3.3 C.8.11.7 and table C.8-34a.
const VIEWS: [(&str, &str, &str); 11] = [
    ("399162004", "R-10242", "CC"),
    ("399368009", "R-10226", "MLO"),
    ("399260004", "R-10224", "ML"),
    ("399352003", "R-10228", "LM"),
    ("399099002", "R-10230", "LMO"),
    ("399196006", "R-10244", "FB"),
    ("399188001", "R-102D0", "SIO"),
    ("441555000", "R-40AAA", "ISO"),
    ("399192008", "R-1024A", "XCCL"),
    ("399101009", "R-1024B", "XCCM"),
    ("127457009", "G-8310", "SPECIMEN"),
];

/// The modifiers by SNOMED CT and SRT code (PS3.16 CID 4015).
const MODIFIERS: [(&str, &str, ViewModifier); 14] = [
    ("399055006", "R-102D7", ViewModifier::SpotCompression),
    ("399163009", "R-102D6", ViewModifier::Magnification),
    ("399209000", "R-102D5", ViewModifier::ImplantDisplaced),
    ("399161006", "R-102D2", ViewModifier::Cleavage),
    ("399011000", "R-102D1", ViewModifier::AxillaryTail),
    ("442580003", "R-40AB2", ViewModifier::AxillaryTissue),
    ("399197002", "R-102D3", ViewModifier::RolledLateral),
    ("399226006", "R-102D4", ViewModifier::RolledMedial),
    ("415670009", "R-102C9", ViewModifier::RolledSuperior),
    ("414493004", "R-102CA", ViewModifier::RolledInferior),
    ("399110001", "R-102C2", ViewModifier::Tangential),
    ("441752004", "P2-00161", ViewModifier::AnteriorCompression),
    ("442581004", "R-40AB3", ViewModifier::NippleInProfile),
    ("442593008", "R-40ABE", ViewModifier::InframammaryFold),
];

/// What a mammogram shows of the breast, and what it was made for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct MammogramView {
    /// `CC`, `MLO`, …, from ViewCodeSequence, else ViewPosition, upper case.
    pub view: Option<String>,
    /// From ViewModifierCodeSequence, sorted.
    pub modifiers: Vec<ViewModifier>,
    pub intent: Option<PresentationIntent>,
    /// BreastImplantPresent.
    pub implant: Option<bool>,
}

impl MammogramView {
    /// Reads view, modifiers, intent and implant. What is there and not understood becomes a warning.
    ///
    /// # Source
    /// PS3.3 C.8.11.7 (mammography image) and C.8.11.1 (PresentationIntentType).
    pub fn read<'a>(file: &impl Attributes<'a>, warnings: &mut Vec<String>) -> Self {
        let mut note = |error: Error| warnings.push(told(error));
        let mut text = |name| {
            file.text(name).unwrap_or_else(|error| {
                note(error);
                None
            })
        };
        let position = text("ViewPosition").map(|view| view.to_ascii_uppercase());
        let intent_type = text("PresentationIntentType");
        let implant = text("BreastImplantPresent");
        let code = file.code("ViewCodeSequence").unwrap_or_else(|error| {
            note(error);
            None
        });
        let mut modifiers = Vec::new();
        // The modifiers lie in the item of the view; some writers put them beside it.
        let views = file.items("ViewCodeSequence");
        let inside = views.iter().flat_map(|view| view.items("ViewModifierCodeSequence"));
        for item in inside.chain(file.items("ViewModifierCodeSequence")) {
            let Ok(Some(value)) = item.text("CodeValue") else { continue };
            match MODIFIERS.iter().find(|(snomed, srt, _)| *snomed == value || *srt == value) {
                Some((.., modifier)) => modifiers.push(*modifier),
                None => warnings.push("a view modifier has an unknown code".to_owned()),
            }
        }
        modifiers.sort_unstable();
        modifiers.dedup();
        let coded = code.as_ref().and_then(view_of);
        if code.is_some() && coded.is_none() {
            warnings.push("ViewCodeSequence has an unknown code".to_owned());
        }
        if let (Some(coded), Some(position)) = (coded, &position)
            && !position.starts_with(coded)
        {
            warnings.push("ViewPosition and ViewCodeSequence disagree; the code is taken".to_owned());
        }
        let intent = match intent_type.as_deref() {
            Some("FOR PRESENTATION") => Some(PresentationIntent::ForPresentation),
            Some("FOR PROCESSING") => Some(PresentationIntent::ForProcessing),
            Some(_) => {
                warnings.push(
                    "PresentationIntentType is malformed: expected FOR PRESENTATION or FOR PROCESSING".to_owned(),
                );
                None
            }
            None => None,
        };
        let implant = match implant.as_deref() {
            Some("YES") => Some(true),
            Some("NO") => Some(false),
            Some(_) => {
                warnings.push("BreastImplantPresent is malformed: expected YES or NO".to_owned());
                None
            }
            None => None,
        };
        Self { view: coded.map(str::to_owned).or(position), modifiers, intent, implant }
    }
}

/// The name of a coded view.
fn view_of(code: &Code) -> Option<&'static str> {
    VIEWS.iter().find(|(snomed, srt, _)| *snomed == code.value || *srt == code.value).map(|(.., view)| *view)
}
