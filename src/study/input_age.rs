use serde::{Deserialize, Serialize};

use super::{ImagingInput, Input, InputState};
use crate::fusion::Ages;
use crate::schema::{CohortDefinition, FileMap, Staleness};
use crate::terms::PatientId;

/// How old an input was when the treatment was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputAge {
    /// Column of the fused frame, or the word of an imaging modality.
    pub input: String,
    /// Days from the measurement to the decision; `None` where the date is not recorded.
    pub days: Option<f64>,
    /// Days after which it counts as old (data-schemas/staleness.toml); `None` where there is no limit.
    pub limit_days: Option<f64>,
    /// True beyond the limit.
    pub stale: bool,
}

/// The age of every given input that has a date or a limit, and of every imaging study.
pub(super) fn input_ages(
    cohort: &CohortDefinition,
    ages: &Ages,
    (patient, visit): (&PatientId, &str),
    inputs: &[Input],
    imaging: &[ImagingInput],
) -> Vec<InputAge> {
    let key = (patient.expose().to_owned(), visit.to_owned());
    let holds = |file: &&FileMap, column: &str| file.columns.contains_key(column);
    let of_column = |column: &str| {
        let file = cohort.files.iter().find(|file| holds(file, column))?;
        ages.get(&file.path)?.get(&key).copied()
    };
    let given = inputs.iter().filter(|input| input.value.is_some() && input.state != InputState::Missing);
    let of_inputs = given.map(|input| judged(&input.column, of_column(&input.column)));
    // Embedding files carry no date: de-identification takes it from the images.
    let of_imaging =
        imaging.iter().filter(|study| study.n_images > 0).map(|study| judged(study.modality.as_str(), None));
    of_inputs.filter(|age| age.days.is_some() || age.limit_days.is_some()).chain(of_imaging).collect()
}

fn judged(input: &str, days: Option<f64>) -> InputAge {
    let limit_days = Staleness::compiled().limit(input);
    let stale = days.zip(limit_days).is_some_and(|(days, limit)| days > limit);
    InputAge { input: input.to_owned(), days, limit_days, stale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{AssessRequest, Models, PseudonymKey, ResponseModel, assess_cohort};

    #[test]
    fn an_input_beyond_its_limit_is_stale_and_one_without_a_date_is_not_called_fresh() {
        let at = |days| judged("tumour_volume_mm3", days);
        assert!(!at(Some(90.0)).stale && at(Some(90.5)).stale);
        assert_eq!((at(None).days, at(None).stale, at(None).limit_days), (None, false, Some(90.0)));
        assert!(!judged("age_years", Some(4000.0)).stale, "without a limit nothing is old");
    }

    #[test]
    fn the_age_of_a_measurement_is_the_time_from_its_day_to_the_decision() {
        let text = "name='x'\nlabel='x'\nnamespace='x'\nversion=1\n[decision]\nfile='a'\ncolumn='decided'\n\
                    [[file]]\nid='a'\npath='a.csv'\npatient={column='id',pattern='^([0-9]+)$'}\n\
                    [file.columns]\nage_years={from='age',unit='years'}\nhr={from='hr'}\nher2={from='her2'}\n\
                    [[file]]\nid='mri'\npath='mri.csv'\npatient={column='id',pattern='^([0-9]+)$'}\n\
                    measured={column='day',window=[-365.0,0.0]}\n[file.columns]\ntumour_volume_mm3={from='v',unit='mm³'}\n";
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.csv", "id,age,hr,her2,decided\n1,50,true,false,100\n2,60,true,false,100\n");
        write("mri.csv", "id,day,v\n1,-20,9000\n2,90,9000\n");
        let assessed = assess_cohort(&AssessRequest {
            cohort: CohortDefinition::parse(text, "x.toml").unwrap(),
            data: folder.path().to_owned(),
            embeddings: vec![],
            models: vec![ResponseModel::open(&Models::Embedded, "pcr-ispy2").unwrap()],
            key: PseudonymKey::public(),
            skip_invalid: false,
            only: None,
            engine: None,
        })
        .unwrap();
        let ages: Vec<&InputAge> = assessed.patients.iter().flat_map(|(_, one)| &one.ages).collect();
        let volume = |days, stale| InputAge {
            input: "tumour_volume_mm3".to_owned(),
            days: Some(days),
            limit_days: Some(90.0),
            stale,
        };
        let of_volume: Vec<&InputAge> = ages.iter().copied().filter(|age| age.input == "tumour_volume_mm3").collect();
        assert_eq!(of_volume, [&volume(120.0, true), &volume(10.0, false)]);
        let hr: Vec<&InputAge> = ages.iter().copied().filter(|age| age.input == "hr").collect();
        assert!(hr.iter().all(|age| age.days.is_none() && age.limit_days == Some(180.0)), "no date, and said so");
    }
}
