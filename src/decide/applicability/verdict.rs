use serde::{Deserialize, Serialize};

use super::{Gate, ImageFinding, PopulationRules, Reason, Severity};
use crate::decide::ClinicalRecord;
use crate::decide::review::{self, review};
use crate::terms::Estimate;

/// Whether a model may be used for a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Inside the training data and the population.
    Applies,
    /// Usable with the stated caution.
    Caution,
    /// The estimate is not shown as an answer.
    DoesNotApply,
}

/// The verdict with every reason, the gravest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applicability {
    /// Verdict: that of the gravest reason.
    pub verdict: Verdict,
    /// Reasons, notes included; empty when there is nothing to say.
    pub reasons: Vec<Reason>,
}

/// A model's own validation figures in her subgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// Subgroup in words (`HR+/HER2-`).
    pub name: String,
    /// Patients of it in validation.
    pub n: usize,
    /// AUC there.
    pub auc: Option<Estimate>,
    /// Calibration slope there.
    pub calibration_slope: Option<Estimate>,
    /// Observed over expected events there, for a model of survival.
    pub observed_expected: Option<Estimate>,
}

/// All that decides whether a model applies to one patient.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the gate measured; `None` for a model without a reference.
    pub gate: Option<&'a Gate>,
    /// Her record.
    pub record: &'a ClinicalRecord,
    /// Validation in her subgroup; `None` when her subgroup is unknown.
    pub subgroup: Option<&'a Subgroup>,
    /// Whom the model was made for.
    pub rules: &'a PopulationRules,
    /// Findings about the quality of her images.
    pub findings: &'a [ImageFinding],
    /// True when the model was fitted on her.
    pub training_patient: bool,
}

impl Facts<'_> {
    /// The verdict with all its reasons.
    #[must_use]
    pub fn applicability(&self) -> Applicability {
        let mut reasons = self.population();
        let impossible = review(self.record, &[], &[]).into_iter();
        reasons.extend(impossible.filter(|finding| finding.severity == review::Severity::Refuse).map(|finding| {
            Reason::ImpossibleRecord { fields: finding.fields, expected: finding.expected, found: finding.found }
        }));
        if self.training_patient {
            reasons.push(Reason::TrainingPatient);
        }
        reasons.extend(self.gate.into_iter().flat_map(distance));
        reasons.extend(self.gate.into_iter().flat_map(absence));
        reasons.extend(self.findings.iter().map(|finding| Reason::ImageQuality {
            modality: finding.modality,
            code: finding.code.clone(),
            words: finding.words.clone(),
        }));
        reasons.extend(self.subgroup.into_iter().flat_map(|subgroup| validation(subgroup, self.rules)));
        // Stable: reasons of one severity keep the order in which they were found.
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.severity()));
        let verdict = match reasons.first().map(Reason::severity) {
            Some(Severity::Refusal) => Verdict::DoesNotApply,
            Some(Severity::Caution) => Verdict::Caution,
            Some(Severity::Note) | None => Verdict::Applies,
        };
        Applicability { verdict, reasons }
    }

    fn population(&self) -> Vec<Reason> {
        let reason = |rule: &super::PopulationRule| match rule.criterion.met(self.record) {
            Some(false) => None,
            Some(true) => Some(Reason::OutsidePopulation {
                criterion: rule.criterion,
                found: rule.criterion.found(self.record),
                severity: rule.when_met,
            }),
            None => Some(Reason::NotRecorded { criterion: rule.criterion, severity: rule.when_unknown }),
        };
        self.rules.rules.iter().filter_map(reason).collect()
    }
}

/// Far outside, or unusual, with the groups that are so by themselves; values out of range as a note.
fn distance(gate: &Gate) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let named = |wanted: &dyn Fn(&super::GroupGate) -> bool| -> Vec<String> {
        gate.groups.iter().filter(|group| wanted(group)).map(|group| group.name.clone()).collect()
    };
    if gate.far_outside {
        reasons.push(Reason::FarOutside { groups: named(&|group| group.far_outside) });
    } else if !gate.accepted() {
        let groups = named(&|group| group.percentile.is_some_and(|share| share > super::gate::ACCEPTED));
        reasons.push(Reason::Unusual { percentile: gate.percentile, groups });
        let contradiction = gate.contradiction.as_ref().filter(|of| of.percentile > super::gate::ACCEPTED);
        reasons.extend(
            contradiction.map(|of| Reason::Contradiction { column: of.column.clone(), percentile: of.percentile }),
        );
    }
    if !gate.out_of_range.is_empty() {
        reasons.push(Reason::OutOfRange { columns: gate.out_of_range.clone() });
    }
    reasons
}

/// Absent groups, then single absent inputs that no absent group explains.
fn absence(gate: &Gate) -> Vec<Reason> {
    let absent = gate.groups.iter().filter(|group| group.n_known == 0);
    let mut reasons: Vec<Reason> = absent
        .map(|group| Reason::AbsentGroup {
            group: group.name.clone(),
            n_columns: group.n_columns,
            severity: if group.seldom_absent { Severity::Caution } else { Severity::Note },
        })
        .collect();
    if !gate.unseen_missing_alone.is_empty() {
        reasons.push(Reason::AbsentInputs { columns: gate.unseen_missing_alone.clone() });
    }
    reasons
}

/// What her subgroup's own figures take away.
fn validation(subgroup: &Subgroup, rules: &PopulationRules) -> Vec<Reason> {
    let name = || subgroup.name.clone();
    let mut reasons = Vec::new();
    if subgroup.n < rules.caution_below {
        let refused = subgroup.n < rules.refuse_below;
        reasons.push(Reason::SmallSubgroup {
            subgroup: name(),
            n: subgroup.n,
            needed: if refused { rules.refuse_below } else { rules.caution_below },
            severity: if refused { Severity::Refusal } else { Severity::Caution },
        });
    }
    let figures = [subgroup.auc, subgroup.calibration_slope, subgroup.observed_expected];
    if figures.iter().all(Option::is_none) {
        reasons.push(Reason::SubgroupNotValidated { subgroup: name() });
    }
    if let Some(auc) = subgroup.auc.filter(|auc| auc.lower95 <= 0.5) {
        reasons.push(Reason::WeakDiscrimination { subgroup: name(), auc });
    }
    if let Some(slope) = subgroup.calibration_slope.filter(|slope| slope.lower95 > 1.0 || slope.upper95 < 1.0) {
        reasons.push(Reason::Miscalibrated { subgroup: name(), slope });
    }
    if let Some(ratio) = subgroup.observed_expected.filter(|ratio| ratio.lower95 > 1.0 || ratio.upper95 < 1.0) {
        reasons.push(Reason::ObservedNotExpected { subgroup: name(), ratio });
    }
    reasons
}
