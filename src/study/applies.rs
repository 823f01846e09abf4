//! Whether a response model applies to a row: the one place where this is decided, for tables and for reports.

use super::{BinaryEvaluation, Error, FusedTable, ResponseModel, clinical_records};
use crate::decide::{
    Applicability, ClinicalRecord, Facts, Gate, ImageFinding, PopulationRules, Reason, Severity, Subgroup,
};
use crate::learn::DesignMatrix;
use crate::schema::Dictionary;
use crate::terms::{PatientId, Subtype};

/// What the gate knows of every row of a table.
pub(super) struct Gates {
    records: Vec<ClinicalRecord>,
    gates: Vec<Gate>,
}

impl Gates {
    /// Measures the rows of `x`, the design matrix of `table`.
    pub(super) fn of(model: &ResponseModel, table: &FusedTable, x: &DesignMatrix) -> Result<Self, Error> {
        Ok(Self { records: clinical_records(table)?, gates: model.reference.gates(x)? })
    }

    pub(super) fn gate(&self, row: usize) -> Option<&Gate> {
        self.gates.get(row)
    }

    pub(super) fn record(&self, row: usize) -> Option<&ClinicalRecord> {
        self.records.get(row)
    }

    /// The verdict on a row, with all its reasons.
    pub(super) fn applicability(
        &self,
        model: &ResponseModel,
        row: usize,
        (subtype, patient): (Option<Subtype>, &PatientId),
        findings: &[ImageFinding],
    ) -> Applicability {
        let nobody = ClinicalRecord::default();
        let subgroup = subtype.and_then(|subtype| subgroup(&model.metrics, subtype));
        Facts {
            gate: self.gate(row),
            record: self.record(row).unwrap_or(&nobody),
            subgroup: subgroup.as_ref(),
            rules: &model.population,
            findings,
            training_patient: model.has_seen(patient),
        }
        .applicability()
    }
}

/// The population that a specification names, else every woman whose subtype is clear.
pub(super) fn population(name: Option<&str>) -> Result<PopulationRules, Error> {
    Ok(PopulationRules::load(name.unwrap_or("any"))?)
}

fn subgroup(metrics: &BinaryEvaluation, subtype: Subtype) -> Option<Subgroup> {
    let found = metrics.subgroups.iter().find(|group| group.name == subtype.as_str())?;
    Some(Subgroup {
        name: found.name.clone(),
        n: found.n,
        auc: found.auc,
        calibration_slope: found.calibration_slope,
        observed_expected: None,
    })
}

/// Reasons as sentences with the labels of the dictionary: what decides the verdict, then notes.
pub(super) fn sentences(applicability: &Applicability) -> (Vec<String>, Vec<String>) {
    let (notes, reasons): (Vec<&Reason>, Vec<&Reason>) =
        applicability.reasons.iter().partition(|reason| reason.severity() == Severity::Note);
    let words = |reasons: Vec<&Reason>| reasons.into_iter().map(sentence).collect();
    (words(reasons), words(notes))
}

pub(crate) fn sentence(reason: &Reason) -> String {
    let labelled = |columns: &[String]| columns.iter().map(|column| label_of(column)).collect::<Vec<String>>();
    let spoken = |groups: &[String]| groups.iter().map(|group| group.replace('_', " ")).collect::<Vec<String>>();
    match reason {
        Reason::Contradiction { column, percentile } => {
            Reason::Contradiction { column: label_of(column), percentile: *percentile }.to_string()
        }
        Reason::AbsentInputs { columns } => Reason::AbsentInputs { columns: labelled(columns) }.to_string(),
        Reason::OutOfRange { columns } => Reason::OutOfRange { columns: labelled(columns) }.to_string(),
        Reason::FarOutside { groups } => Reason::FarOutside { groups: spoken(groups) }.to_string(),
        Reason::Unusual { percentile, groups } => {
            Reason::Unusual { percentile: *percentile, groups: spoken(groups) }.to_string()
        }
        Reason::AbsentGroup { group, n_columns, severity } => {
            Reason::AbsentGroup { group: group.replace('_', " "), n_columns: *n_columns, severity: *severity }
                .to_string()
        }
        other => other.to_string(),
    }
}

/// The label of a design column: that of its source in the dictionary, with the level of an indicator.
pub(super) fn label_of(column: &str) -> String {
    let (source, level) = column.split_once('=').map_or((column, None), |(source, level)| (source, Some(level)));
    let label = match (Dictionary::compiled().column(source), source.strip_suffix("_emb")) {
        (Some(column), _) => column.label.clone(),
        (None, Some(modality)) => format!("{modality} image embedding"),
        (None, None) => source.to_owned(),
    };
    level.map_or(label.clone(), |level| format!("{label} ({level})"))
}
