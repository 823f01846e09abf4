use super::{HORIZONS, OutlookAt, PredictOutlook, PredictVersionOutlook};
use crate::decide::ClinicalRecord;
use crate::decide::options::{Class, Endpoint, OptionSet, TimeZero};
use crate::decide::predict_breast::{Endocrine, Generation, PredictInputs, Treatments, Version, gain_over, survival};
use crate::decide::sources::{Cell, Column, Empty, Measured};
use crate::terms::Estimate;

/// Versions shown beside each other: the validated one and the one that is deployed.
const SHOWN: [Version; 2] = [Version::V31, Version::V32];
/// Last year of the curves, from diagnosis.
const LAST_YEAR: f64 = 15.0;
/// Year whose log hazard is taken apart.
const PARTS_YEAR: u32 = 10;

/// What both versions say of a record after surgery alone, and its inputs; nothing where she is outside PREDICT's
/// population or `barred` gives a reason.
pub(super) fn outlook(
    record: &ClinicalRecord,
    barred: impl Iterator<Item = String>,
) -> (PredictOutlook, Option<PredictInputs>) {
    let from = PredictInputs::of_record(record);
    let outside: Vec<String> = from.outside.into_iter().chain(barred).collect();
    let inputs = from.inputs.filter(|_| outside.is_empty());
    let outlook = PredictOutlook {
        versions: inputs.iter().flat_map(|inputs| SHOWN.map(|version| version_outlook(inputs, version))).collect(),
        assumed: from.assumed.iter().map(|each| (each.input.to_owned(), each.value.to_owned())).collect(),
        outside,
    };
    (outlook, inputs)
}

fn version_outlook(inputs: &PredictInputs, version: Version) -> PredictVersionOutlook {
    let fates = survival(inputs, version, &Treatments::default());
    let exact = |value| Estimate { estimate: value, lower95: value, upper95: value };
    let at = |years| OutlookAt {
        years,
        alive: exact(fates.alive_at(years)),
        breast_death: exact(fates.at(&fates.breast_death, 0.0, years)),
        other_death: exact(fates.at(&fates.other_death, 0.0, years)),
    };
    let parts = inputs.breast_parts(version, PARTS_YEAR);
    PredictVersionOutlook {
        version: version.to_string(),
        validated: version == Version::V31,
        surgery_only: HORIZONS.map(at).to_vec(),
        parts: parts.iter().map(|part| (part.input.to_owned(), part.log_hazard)).collect(),
    }
}

/// PREDICT's column for an option over what both sides receive, at every horizon of its curves; the landmark variant for an
/// option whose clock starts after five years of endocrine therapy.
pub(super) fn column(
    outlook: &PredictOutlook,
    inputs: Option<&PredictInputs>,
    set: &OptionSet,
    (option, clock): (&str, TimeZero),
    beside: &[String],
) -> Column {
    let Some(inputs) = inputs else {
        return Column::Empty(Empty::PredictNotComputed { why: outlook.outside.join("; ") });
    };
    let without = treatments(set, beside.iter().map(String::as_str));
    let with = treatments(set, beside.iter().map(String::as_str).chain([option]));
    let landmark = clock == TimeZero::AfterFiveYearsEndocrine;
    let versions: &[Version] = if landmark { &[Version::V32Landmark] } else { &SHOWN };
    let last = if landmark { LAST_YEAR - 5.0 } else { LAST_YEAR };
    let at = |version: Version| HORIZONS.into_iter().filter(|&years| years <= last).map(move |years| (version, years));
    let cell = |(version, years)| {
        let (gain, range) = gain_over(inputs, version, &with, &without, years);
        Cell {
            measured: Measured {
                endpoint: Endpoint::Death,
                pcr_definition: None,
                at_years: Some(years),
                as_difference: true,
            },
            value: range.unwrap_or(Estimate { estimate: gain, lower95: gain, upper95: gain }),
            has_interval: range.is_some(),
            std_error: None,
            from: format!("PREDICT Breast {version}"),
            verified: true,
        }
    };
    Column::Numbers(versions.iter().copied().flat_map(at).map(cell).collect())
}

/// The set of treatments that PREDICT knows among the options named.
fn treatments<'a>(set: &OptionSet, options: impl Iterator<Item = &'a str>) -> Treatments {
    let mut all = Treatments::default();
    for option in options.filter_map(|id| set.option(id)) {
        match option.class {
            Class::Radiotherapy => (all.radiotherapy, all.heart_exposed) = (true, true),
            Class::Endocrine => all.endocrine = all.endocrine.or(Some(Endocrine::FiveYears)),
            Class::ExtendedEndocrine => all.endocrine = Some(Endocrine::TenYears),
            Class::Chemotherapy => {
                let second = option.id.ends_with("2nd");
                all.chemotherapy = Some(if second { Generation::Second } else { Generation::Third });
            }
            Class::AntiHer2 => all.trastuzumab = true,
            Class::Bisphosphonate => all.bisphosphonate = true,
            _ => {}
        }
    }
    all
}
