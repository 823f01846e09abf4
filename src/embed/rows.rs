use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::terms::{Laterality, PatientId};

use super::Error;
use super::dataset_spec::PatientRule;
use super::fine_tuning_spec::AuxiliarySpec;
use super::spec::EncoderSpec;
use super::table::{LabelRow, LabelTable};

/// A row that passed every check, before its image is read.
pub(super) struct Row {
    pub line: usize,
    pub image: PathBuf,
    pub mask: Option<PathBuf>,
    pub laterality: Option<Laterality>,
    pub patient: PatientId,
    pub label: usize,
    pub fold: Option<u32>,
    pub auxiliary: Vec<Option<f64>>,
}

/// Turns table rows into checked rows, or lists every broken rule.
pub(super) fn check_rows(spec: &EncoderSpec, table: &LabelTable, root: &Path) -> Result<Vec<Row>, Error> {
    let dataset = &spec.dataset;
    let mut needed = vec![dataset.patient.column.as_str(), dataset.label.column.as_str()];
    needed.extend(dataset.patient.namespaces.as_ref().map(|levels| levels.column.as_str()));
    needed.extend(dataset.folds.column.as_deref());
    needed.extend(dataset.laterality.as_ref().map(|side| side.column.as_str()));
    needed.extend(dataset.rows.keys().map(String::as_str));
    needed.extend(spec.auxiliary.iter().map(|task| task.column.as_str()));
    for column in needed {
        table.position(column)?;
    }
    let (mut rows, mut violations): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for row in &table.rows {
        let wanted = |(column, allowed): (&String, &Vec<String>)| allowed.iter().any(|v| v == table.value(row, column));
        if !dataset.rows.iter().all(wanted)
            || dataset.label.missing.iter().any(|v| v == table.value(row, &dataset.label.column))
        {
            continue;
        }
        let at = format!("{}: row {}", table.path.display(), row.line);
        match check_row(spec, table, row, root) {
            Ok(checked) => match seen.insert(checked.image.clone(), checked.label) {
                Some(label) if label != checked.label => {
                    violations.push(format!("{at}: {}: a second class for one image", checked.image.display()));
                }
                Some(_) => {}
                None => rows.push(checked),
            },
            Err(reasons) => violations.extend(reasons.into_iter().map(|reason| format!("{at}: {reason}"))),
        }
    }
    let mut folds: BTreeMap<&PatientId, Option<u32>> = BTreeMap::new();
    for row in &rows {
        if *folds.entry(&row.patient).or_insert(row.fold) != row.fold {
            violations.push(format!(
                "{}: row {}: expected one fold per patient, found two",
                table.path.display(),
                row.line
            ));
        }
    }
    if !violations.is_empty() {
        return Err(Error::Table { violations });
    }
    if let Some(count) = dataset.folds.count {
        deal_folds(&mut rows, count, spec.training.seed);
    }
    Ok(rows)
}

/// Checks one row; on failure says all that is wrong with it.
fn check_row(spec: &EncoderSpec, table: &LabelTable, row: &LabelRow, root: &Path) -> Result<Row, Vec<String>> {
    let dataset = &spec.dataset;
    let mut wrong = Vec::new();
    let file = |pattern: &str, wrong: &mut Vec<String>| match table.fill(row, pattern) {
        Some(name) if name.split('/').any(|part| part == "..") => {
            wrong.push(format!("expected a path inside the data set, found {name}"));
            PathBuf::new()
        }
        Some(name) => {
            let path = root.join(name);
            if !path.is_file() {
                wrong.push(format!("expected a file {}, found none", path.display()));
            }
            path
        }
        None => {
            wrong.push(format!("pattern {pattern}: expected columns of the table in braces"));
            PathBuf::new()
        }
    };
    let image = file(&dataset.image, &mut wrong);
    let mask = dataset.mask.as_ref().map(|pattern| file(pattern, &mut wrong));
    let laterality = dataset.laterality.as_ref().and_then(|side| match table.value(row, &side.column) {
        value if value == side.left => Some(Laterality::Left),
        value if value == side.right => Some(Laterality::Right),
        value => {
            wrong.push(format!("column {}: expected {} or {}, found `{value}`", side.column, side.left, side.right));
            None
        }
    });
    let class = dataset.label.levels.get(table.value(row, &dataset.label.column));
    let label = class.and_then(|class| spec.classes.iter().position(|known| known == class));
    if label.is_none() {
        let known = dataset.label.levels.keys().cloned().collect::<Vec<_>>().join(", ");
        let (column, found) = (&dataset.label.column, table.value(row, &dataset.label.column));
        wrong.push(format!("column {column}: expected one of {known}, found `{found}`"));
    }
    let fold = dataset.folds.column.as_ref().and_then(|column| {
        let value = table.value(row, column);
        let fold = match &dataset.folds.levels {
            Some(levels) => levels.get(value).copied(),
            None => value.parse::<u32>().ok(),
        };
        if fold.is_none() {
            wrong.push(format!("column {column}: expected a fold, found `{value}`"));
        }
        fold
    });
    let of_task = |task: &AuxiliarySpec| task.value(table.value(row, &task.column));
    let auxiliary: Vec<Option<f64>> = spec
        .auxiliary
        .iter()
        .map(|task| {
            of_task(task).unwrap_or_else(|reason| {
                wrong.push(reason);
                None
            })
        })
        .collect();
    let patient = patient_of(spec, table, row).map_err(|reason| wrong.push(reason)).ok();
    match (patient, label) {
        (Some(patient), Some(label)) if wrong.is_empty() => {
            Ok(Row { line: row.line, image, mask, laterality, patient, label, fold, auxiliary })
        }
        _ => Err(wrong),
    }
}

/// The canonical id of a row; the reason never holds the id.
fn patient_of(spec: &EncoderSpec, table: &LabelTable, row: &LabelRow) -> Result<PatientId, String> {
    let patient = &spec.dataset.patient;
    let value = table.value(row, &patient.column);
    let id = match patient.rule {
        PatientRule::Whole => value,
        PatientRule::TrailingDigits => {
            let start = value.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            value.get(start..).unwrap_or("")
        }
    };
    let namespace = match (&patient.namespace, &patient.namespaces) {
        (Some(namespace), _) => namespace.as_str(),
        (None, Some(levels)) => {
            let level = table.value(row, &levels.column);
            let namespace = levels.levels.get(level);
            namespace.ok_or_else(|| format!("column {}: expected a known cohort, found `{level}`", levels.column))?
        }
        (None, None) => "",
    };
    PatientId::new(namespace, id).map_err(|error| format!("column {}: {error}", patient.column))
}

/// Deals patients to folds 1..=count, class by class, from the seed; every image of a patient follows her.
fn deal_folds(rows: &mut [Row], count: u32, seed: u64) {
    let mut class_of: BTreeMap<PatientId, usize> = BTreeMap::new();
    for row in rows.iter() {
        let class = class_of.entry(row.patient.clone()).or_insert(row.label);
        *class = (*class).max(row.label);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut patients: Vec<(PatientId, usize)> = class_of.into_iter().collect();
    patients.shuffle(&mut rng);
    patients.sort_by_key(|(_, class)| *class);
    let fold_of: BTreeMap<PatientId, u32> =
        patients.into_iter().zip((1..=count).cycle()).map(|((patient, _), fold)| (patient, fold)).collect();
    for row in rows {
        row.fold = fold_of.get(&row.patient).copied();
    }
}
