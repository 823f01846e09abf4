//! The patients of the same cohort file who are most like one patient and whose outcome is known: cases to look at, never an
//! estimate.

#[cfg(test)]
mod tests;

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::applies::label_of;
use super::assess::checked_value;
use super::{Error, FusedTable, PseudonymKey, ResponseModel, clinical_records};
use crate::decide::Position;
use crate::learn::DesignMatrix;
use crate::schema::{Column, Dictionary, Kind};
use crate::stats::beta_interval;
use crate::terms::{Estimate, PatientId, Pseudonym, Subtype};

/// Patients shown.
pub const N_NEAREST: usize = 5;
/// Least difference of a number that counts as one, in standard deviations of the training population.
const NOTABLE_SD: f64 = 0.5;
/// Differences listed by name, the largest first.
const N_LISTED: usize = 6;

/// The nearest patients of the cohort file with a known outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    /// Receptor subtype within which the search was made; `None` where hers is unknown, and then among all.
    pub among: Option<Subtype>,
    /// Other patients of the file with an outcome among whom the search was made.
    pub n_candidates: usize,
    /// The nearest first.
    pub nearest: Vec<Neighbour>,
    /// Those of `nearest` whose response at surgery is known.
    pub n_response: usize,
    /// Those of them with pathological complete response.
    pub n_pcr: usize,
    /// `n_pcr` of `n_response` with a 95 % Jeffreys interval; `None` without any.
    pub pcr_rate: Option<Estimate>,
    /// What the follow-up times count; empty where the cohort has none.
    pub endpoint: String,
}

/// One past patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The name under which she is shown.
    pub pseudonym: Pseudonym,
    /// Visit of her row.
    pub visit: String,
    /// Root mean squared difference of the inputs, each input counted once, in standard deviations of the training
    /// population; a value that is not recorded counts with what is expected of it.
    pub distance: f64,
    /// Treatment received in words, as far as it is recorded.
    pub received: Option<String>,
    /// Pathological complete response (ypT0/is ypN0); `None` where it is not recorded.
    pub pcr: Option<bool>,
    /// Follow-up; `None` where there is none.
    pub follow_up: Option<FollowUp>,
    /// Inputs in which the two differ, the largest difference first, at most six.
    pub differences: Vec<InputDifference>,
    /// Inputs that differ and are not listed.
    pub n_further: usize,
    /// Groups with inputs that are recorded for one of the two only, with their number.
    pub recorded_for_one: Vec<(String, usize)>,
}

/// Time to an event, or to censoring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Days from the cohort's time origin.
    pub days: f64,
    /// True when the event was observed, false when censored.
    pub event: bool,
}

/// One input in which two patients differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputDifference {
    /// Label for people.
    pub label: String,
    /// Hers, with its unit.
    pub hers: String,
    /// The other patient's.
    pub theirs: String,
}

/// Every patient of a cohort file with a known outcome, placed in the space of a model's inputs.
#[derive(Debug, Clone)]
pub(super) struct Neighbourhood {
    frame: DataFrame,
    patients: Vec<PatientId>,
    visits: Vec<String>,
    subtypes: Vec<Option<Subtype>>,
    positions: Vec<Position>,
    received: Vec<Option<String>>,
    pcr: Vec<Option<bool>>,
    follow_up: Vec<Option<FollowUp>>,
    endpoint: String,
    inputs: Vec<Compared>,
    weights: Vec<f64>,
}

/// One input of the model with its columns among those that the reference describes.
#[derive(Debug, Clone)]
struct Compared {
    source: String,
    /// Its entry in the dictionary; `None` for an embedding.
    column: Option<&'static Column>,
    group: String,
    places: Vec<usize>,
}

/// The patient whose neighbours are asked for: one row of a frame.
pub(super) struct Asked<'a> {
    pub(super) patient: &'a PatientId,
    pub(super) subtype: Option<Subtype>,
    pub(super) position: &'a Position,
    pub(super) frame: &'a DataFrame,
    pub(super) row: usize,
}

impl Neighbourhood {
    /// Places every row of `table`, whose design matrix under `model` is `x`.
    ///
    /// # Errors
    /// [`Error::Column`] for a column of the wrong type, [`Error::Decide`] when the reference cannot place a row.
    pub(super) fn new(
        model: &ResponseModel,
        table: &FusedTable,
        x: &DesignMatrix,
        endpoint: &str,
    ) -> Result<Self, Error> {
        let numbers = |name: &str| table.numbers(name);
        let flags = |name: &str| Ok::<_, Error>(table.booleans(name)?.unwrap_or_else(|| vec![None; x.n_rows]));
        let survival = |time: &str, event: &str| -> Result<Vec<Option<FollowUp>>, Error> {
            let pairs = numbers(time)?.into_iter().zip(flags(event)?);
            Ok(pairs.map(|(days, event)| Some(FollowUp { days: days?, event: event? })).collect())
        };
        let columns = &model.reference.columns;
        let mut inputs: Vec<Compared> = Vec::new();
        for (place, name) in columns.iter().enumerate() {
            let Some(design) = model.design.columns.iter().find(|column| column.name == *name) else { continue };
            match inputs.iter_mut().find(|input| input.source == design.source) {
                Some(input) => input.places.push(place),
                None => inputs.push(Compared {
                    source: design.source.clone(),
                    column: Dictionary::compiled().column(&design.source),
                    group: design.group.clone(),
                    places: vec![place],
                }),
            }
        }
        let mut weights = vec![0.0; columns.len()];
        for input in &inputs {
            for &place in &input.places {
                if let Some(weight) = weights.get_mut(place) {
                    *weight = 1.0 / input.places.len() as f64;
                }
            }
        }
        Ok(Self {
            frame: table.frame.clone(),
            patients: table.patients()?,
            visits: table.texts("visit")?.into_iter().map(Option::unwrap_or_default).collect(),
            subtypes: table.subtypes()?,
            positions: model.reference.positions(x)?,
            received: received(model, table)?,
            pcr: clinical_records(table)?.iter().map(|record| record.residual_disease().map(|left| !left)).collect(),
            follow_up: survival("event_time", "event")?,
            endpoint: endpoint.to_owned(),
            inputs,
            weights,
        })
    }

    /// The nearest patients of the file with an outcome: of her receptor subtype where that is known, never herself at any
    /// visit, each patient at her nearest visit. Outcomes take no part in the distance.
    ///
    /// # Errors
    /// [`Error::Stats`] never in practice: the counts fit each other.
    pub(super) fn of(&self, asked: &Asked<'_>, key: &PseudonymKey) -> Result<Neighbours, Error> {
        let mut found: Vec<(f64, usize)> = Vec::new();
        for (row, patient) in self.patients.iter().enumerate() {
            let with_outcome = self.pcr_of(row).is_some() || self.follow_up_of(row).is_some();
            let own = self.subtypes.get(row).copied().flatten();
            let comparable = asked.subtype.is_none() || own == asked.subtype;
            if !with_outcome || !comparable || patient == asked.patient {
                continue;
            }
            let Some(position) = self.positions.get(row) else { continue };
            found.push((asked.position.distance(position, &self.weights), row));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut seen: std::collections::HashSet<&PatientId> = std::collections::HashSet::new();
        let once: Vec<(f64, usize)> =
            found.into_iter().filter(|(_, row)| self.patients.get(*row).is_some_and(|id| seen.insert(id))).collect();
        let nearest: Vec<Neighbour> = once
            .iter()
            .take(N_NEAREST)
            .filter_map(|(distance, row)| {
                Some(self.neighbour(asked, *row, *distance, key.pseudonym(self.patients.get(*row)?)))
            })
            .collect();
        let n_response = nearest.iter().filter(|one| one.pcr.is_some()).count();
        let n_pcr = nearest.iter().filter(|one| one.pcr == Some(true)).count();
        Ok(Neighbours {
            among: asked.subtype,
            n_candidates: once.len(),
            n_response,
            n_pcr,
            pcr_rate: if n_response > 0 { Some(beta_interval(n_pcr, n_response)?) } else { None },
            endpoint: if nearest.iter().any(|one| one.follow_up.is_some()) {
                self.endpoint.clone()
            } else {
                String::new()
            },
            nearest,
        })
    }

    fn pcr_of(&self, row: usize) -> Option<bool> {
        self.pcr.get(row).copied().flatten()
    }

    fn follow_up_of(&self, row: usize) -> Option<FollowUp> {
        self.follow_up.get(row).copied().flatten()
    }

    fn neighbour(&self, asked: &Asked<'_>, row: usize, distance: f64, pseudonym: Pseudonym) -> Neighbour {
        let mut differing: Vec<(f64, InputDifference)> = Vec::new();
        let mut recorded_for_one: Vec<(String, usize)> = Vec::new();
        for input in &self.inputs {
            let hers = input.text(asked.frame, asked.row);
            let theirs = input.text(&self.frame, row);
            match (hers, theirs) {
                (Some(hers), Some(theirs)) => {
                    let apart = self.apart(asked.position, row, &input.places);
                    if hers != theirs && (apart >= NOTABLE_SD || !input.is_number()) {
                        differing.push((apart, InputDifference { label: label_of(&input.source), hers, theirs }));
                    }
                }
                (None, None) => {}
                _ => match recorded_for_one.iter_mut().find(|(group, _)| *group == input.group) {
                    Some((_, n)) => *n += 1,
                    None => recorded_for_one.push((input.group.clone(), 1)),
                },
            }
        }
        differing.sort_by(|a, b| b.0.total_cmp(&a.0));
        let n_further = differing.len().saturating_sub(N_LISTED);
        Neighbour {
            pseudonym,
            visit: self.visits.get(row).cloned().unwrap_or_default(),
            distance,
            received: self.received.get(row).cloned().flatten(),
            pcr: self.pcr_of(row),
            follow_up: self.follow_up_of(row),
            differences: differing.into_iter().take(N_LISTED).map(|(_, difference)| difference).collect(),
            n_further,
            recorded_for_one,
        }
    }

    /// Root mean squared difference of one input, in standard deviations.
    fn apart(&self, hers: &Position, row: usize, places: &[usize]) -> f64 {
        let Some(theirs) = self.positions.get(row) else { return 0.0 };
        let square = |&place: &usize| Some((hers.expected.get(place)? - theirs.expected.get(place)?).powi(2));
        (places.iter().filter_map(square).sum::<f64>() / places.len().max(1) as f64).sqrt()
    }
}

/// The arm in words where the table names it, else the treatments of the table that were given.
fn received(model: &ResponseModel, table: &FusedTable) -> Result<Vec<Option<String>>, Error> {
    let arms = table.texts("arm")?;
    let treatments = Dictionary::compiled().tables().iter().find(|schema| schema.name == "treatment");
    let mut given: Vec<Vec<String>> = vec![Vec::new(); arms.len()];
    for column in treatments.iter().flat_map(|schema| &schema.columns) {
        let Ok(Some(flags)) = table.booleans(&column.name) else { continue };
        for (list, _) in given.iter_mut().zip(&flags).filter(|(_, flag)| **flag == Some(true)) {
            list.push(column.label.clone());
        }
    }
    let label = |id: String| {
        let known = model.options.as_ref().and_then(|set| set.options.iter().find(|option| option.id == id));
        known.map_or(id, |option| option.label.clone())
    };
    let words = arms.into_iter().zip(given);
    Ok(words.map(|(arm, given)| arm.map(label).or_else(|| (!given.is_empty()).then(|| given.join(", ")))).collect())
}

impl Compared {
    fn is_number(&self) -> bool {
        matches!(self.column.map(|column| &column.kind), Some(Kind::Number { .. }))
    }

    /// The value of a row as display text with its unit; `None` where it is missing.
    fn text(&self, frame: &DataFrame, row: usize) -> Option<String> {
        let cell = frame.column(&self.source).ok()?.get(row).ok()?;
        let Some(column) = self.column else {
            return (!cell.is_null()).then(|| "embedding".to_owned());
        };
        let text = column.display(&checked_value(&cell)?);
        Some(match column.unit() {
            "" | "score" => text,
            unit => format!("{text} {unit}"),
        })
    }
}
