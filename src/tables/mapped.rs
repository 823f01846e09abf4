use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use polars::prelude::{Column as FrameColumn, DataFrame, NamedFrom, Series};
use rayon::prelude::*;

use super::compiled::{Broken, CompiledColumn, DayColumn, compile};
use super::source::Source;
use super::{Error, TextTable};
use crate::schema::{DateOrder, FileMap, Kind, Violation};
use crate::terms::PatientId;

/// One file of a cohort, read and checked: `patient_id`, `visit` and the mapped columns.
#[derive(Debug, Clone)]
pub struct MappedTable {
    /// Id of the file in the definition.
    pub id: String,
    /// Path relative to the data folder.
    pub path: String,
    /// One row per accepted record.
    pub frame: DataFrame,
    /// Line in the file of each row of `frame`.
    pub lines: Vec<usize>,
    /// Day of measurement of each row, from the time origin or from 1970-01-01; empty unless the file declares it.
    pub measured: Vec<Option<f64>>,
    /// Day of the treatment decision of each row; empty unless this file holds it.
    pub decided: Vec<Option<f64>>,
    /// Records of the file, those of other cohorts left out.
    pub n_records: usize,
    /// Every broken rule; the rows concerned are not in `frame`.
    pub violations: Vec<Violation>,
    /// Per column of the file: cells that could not be read and are missing, where the definition says so.
    pub unreadable: BTreeMap<String, usize>,
    /// What the reader left out by its own rules (FHIR resources without a code of the map, …), in words with counts.
    pub left_out: BTreeMap<String, usize>,
    /// Columns of the file that the definition does not map.
    pub unmapped: Vec<String>,
}

/// A column that holds a day: its name and how it is written.
pub type DayKey<'a> = (&'a str, Option<DateOrder>);

/// Reads one file of a cohort by its mapping, in blocks.
///
/// `decision` names the column of this file that holds the day of the treatment decision.
/// Returns `None` when an optional file is absent. Rows that break a rule are left out of the frame and listed
/// in `violations`, so that the caller chooses between refusing the file and going on without them.
///
/// # Errors
/// [`Error::Read`] for an absent required file, [`Error::Violations`] when the file's shape or header is broken,
/// [`Error::Format`] when it is not what its extension says.
pub fn read_mapped(
    map: &FileMap,
    namespace: &str,
    data: &Path,
    decision: Option<DayKey<'_>>,
) -> Result<Option<MappedTable>, Error> {
    let path = data.join(&map.path);
    if !map.required && !path.exists() {
        return Ok(None);
    }
    let mut source = Source::open(map, &path)?;
    let plan = compile(map, source.header(), source.knows_nulls(), decision)?;
    let mut reading = Reading { map, namespace, seen: HashMap::new(), table: empty(map, &plan.columns)? };
    reading.table.left_out = source.left_out();
    // One thread reads a block while the others check the one before.
    let mut violations = std::thread::scope(|scope| -> Result<Vec<Violation>, Error> {
        let (send, receive) = std::sync::mpsc::sync_channel::<TextTable>(1);
        let read = scope.spawn(move || {
            let mut violations = Vec::new();
            while let Some(block) = source.next_block(&path, &mut violations)? {
                if send.send(block).is_err() {
                    break;
                }
            }
            Ok(violations)
        });
        for block in receive {
            reading.block(&block, &plan.columns, plan.measured.as_ref(), plan.decided.as_ref())?;
        }
        match read.join() {
            Ok(violations) => violations,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    let mut table = reading.table;
    if !violations.is_empty() {
        violations.extend(table.violations);
        return Err(Error::Violations(violations));
    }
    table.violations.sort_by(|a, b| (a.row, &a.column).cmp(&(b.row, &b.column)));
    table.unmapped = plan.unmapped;
    Ok(Some(table))
}

fn empty(map: &FileMap, columns: &[CompiledColumn<'_>]) -> Result<MappedTable, Error> {
    let mut frame = vec![text("patient_id", std::iter::empty()), text("visit", std::iter::empty())];
    frame.extend(columns.iter().map(|column| Cells::new(column).column(column, &[])));
    Ok(MappedTable {
        id: map.id.clone(),
        path: map.path.clone(),
        frame: DataFrame::new(0, frame)?,
        lines: Vec::new(),
        measured: Vec::new(),
        decided: Vec::new(),
        n_records: 0,
        violations: Vec::new(),
        unreadable: BTreeMap::new(),
        left_out: BTreeMap::new(),
        unmapped: Vec::new(),
    })
}

/// A file being read: what is known so far.
struct Reading<'a> {
    map: &'a FileMap,
    namespace: &'a str,
    /// First line of every patient and visit, by a 128-bit hash.
    seen: HashMap<u128, usize>,
    table: MappedTable,
}

impl Reading<'_> {
    fn violation(&self, line: usize, broken: Broken) -> Violation {
        Violation {
            file: self.map.path.clone(),
            row: line,
            column: broken.column,
            rule: broken.rule,
            found: broken.found,
        }
    }

    fn block(
        &mut self,
        block: &TextTable,
        columns: &[CompiledColumn<'_>],
        measured: Option<&DayColumn>,
        decided: Option<&DayColumn>,
    ) -> Result<(), Error> {
        let keys = self.keys(block);
        let line = |record: usize| block.lines.get(record).copied().unwrap_or(0);
        let read: Vec<ReadColumn<'_>> = columns
            .par_iter()
            .map(|column| {
                let mut cells = Cells::new(column);
                let mut broken = Vec::new();
                let mut unreadable = 0;
                for (row, key) in keys.iter().enumerate() {
                    if let Err(found) = cells.push(column, block, key.record) {
                        if column.lenient {
                            unreadable += 1;
                        } else {
                            broken.push((row, found));
                        }
                    }
                }
                ReadColumn { cells, broken, unreadable }
            })
            .collect();
        let mut keep = vec![true; keys.len()];
        let mut days = [Vec::new(), Vec::new()];
        for (day, values) in [measured, decided].into_iter().zip(&mut days) {
            let Some(day) = day else { continue };
            for (row, key) in keys.iter().enumerate() {
                values.push(match day.read(block, key.record) {
                    Ok(value) => value,
                    Err(broken) => {
                        self.table.violations.push(self.violation(line(key.record), broken));
                        keep[row] = false;
                        None
                    }
                });
            }
        }
        for (column, read) in columns.iter().zip(&read) {
            if read.unreadable > 0 {
                *self.table.unreadable.entry(column.file_column.clone()).or_default() += read.unreadable;
            }
            for (row, broken) in &read.broken {
                let at = keys.get(*row).map_or(0, |key| line(key.record));
                self.table.violations.push(self.violation(at, broken.clone()));
                if let Some(flag) = keep.get_mut(*row) {
                    *flag = false;
                }
            }
        }
        let kept: Vec<usize> = (0..keys.len()).filter(|&row| keep.get(row) == Some(&true)).collect();
        let chosen = || kept.iter().filter_map(|&row| keys.get(row));
        let mut frame = vec![
            text("patient_id", chosen().map(|key| Some(key.patient.as_str()))),
            text("visit", chosen().map(|key| Some(key.visit))),
        ];
        frame.extend(columns.iter().zip(&read).map(|(column, read)| read.cells.column(column, &kept)));
        self.table.frame.vstack_mut_owned(DataFrame::new(kept.len(), frame)?)?;
        self.table.lines.extend(chosen().map(|key| line(key.record)));
        let [measured, decided] = days;
        let pick = |values: &[Option<f64>]| kept.iter().filter_map(|&row| values.get(row).copied()).collect::<Vec<_>>();
        self.table.measured.extend(pick(&measured));
        self.table.decided.extend(pick(&decided));
        Ok(())
    }

    /// Records of this cohort with their canonical patient id and visit; broken or repeated keys are violations.
    fn keys<'b>(&mut self, block: &'b TextTable) -> Vec<Key<'b>> {
        let at = |name: &str| block.position(name).and_then(|index| block.column(index));
        let key = &self.map.patient;
        let patient_column = at(&key.column);
        let visit_column = self.map.visit.as_ref().and_then(|visit| at(&visit.0));
        let only = self.map.only.as_ref().and_then(|only| Some((only, at(&only.column)?)));
        let mut keys = Vec::with_capacity(block.n_records());
        for (record, &line) in block.lines.iter().enumerate() {
            if let Some((only, column)) = only
                && !only.equals.iter().any(|text| text == column.get(record).trim())
            {
                continue;
            }
            self.table.n_records += 1;
            let found = patient_column
                .and_then(|column| key.read(column.get(record)))
                .and_then(|(namespace, id)| PatientId::new(namespace.unwrap_or(self.namespace), id).ok());
            let broken = |rule: String, found: String| Broken { column: key.column.clone(), rule, found };
            let Some(patient) = found else {
                let broken = broken(key.rule(), "another text".into());
                self.table.violations.push(self.violation(line, broken));
                continue;
            };
            let visit = visit_column.map_or("baseline", |column| column.get(record).trim());
            let patient = patient.expose().to_owned();
            if self.map.measured.is_none()
                && let Some(first) = self.seen.insert(key_hash(&patient, visit), line)
            {
                let broken = broken("each patient once per visit".into(), format!("the patient of row {first} again"));
                self.table.violations.push(self.violation(line, broken));
                continue;
            }
            keys.push(Key { record, patient, visit });
        }
        keys
    }
}

struct Key<'a> {
    record: usize,
    patient: String,
    visit: &'a str,
}

/// Two independent 64-bit hashes: two different keys share all 128 bits with a chance of about 1e-25 in ten million.
fn key_hash(patient: &str, visit: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, patient, visit).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(0) << 64) | half(1)
}

/// One column of one block, read.
struct ReadColumn<'a> {
    cells: Cells<'a>,
    /// Rows of the block whose cell breaks a rule.
    broken: Vec<(usize, Broken)>,
    /// Cells that could not be read and are missing, as declared.
    unreadable: usize,
}

/// The values of one column in one block.
enum Cells<'a> {
    Number(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    Word(Vec<Option<&'a str>>),
}

impl<'a> Cells<'a> {
    fn new(column: &CompiledColumn<'_>) -> Self {
        match column.column.kind {
            Kind::Number { .. } => Self::Number(Vec::new()),
            Kind::Boolean { .. } => Self::Boolean(Vec::new()),
            Kind::Level { .. } | Kind::Text { .. } => Self::Word(Vec::new()),
        }
    }

    /// Reads one cell; on a broken rule the value is missing and the rule is returned.
    fn push(&mut self, column: &CompiledColumn<'a>, block: &'a TextTable, record: usize) -> Result<(), Broken> {
        match self {
            Self::Number(values) => store(values, column.number(block, record)),
            Self::Boolean(values) => store(values, column.boolean(block, record)),
            Self::Word(values) => store(values, column.word(block, record)),
        }
    }

    fn column(&self, column: &CompiledColumn<'_>, kept: &[usize]) -> FrameColumn {
        let name = column.column.name.as_str();
        match self {
            Self::Number(values) => Series::new(name.into(), chosen(values, kept)).into(),
            Self::Boolean(values) => Series::new(name.into(), chosen(values, kept)).into(),
            Self::Word(values) => text(name, chosen(values, kept).into_iter()),
        }
    }
}

fn store<T>(values: &mut Vec<Option<T>>, read: Result<Option<T>, Broken>) -> Result<(), Broken> {
    match read {
        Ok(value) => {
            values.push(value);
            Ok(())
        }
        Err(broken) => {
            values.push(None);
            Err(broken)
        }
    }
}

fn chosen<T: Copy>(values: &[Option<T>], kept: &[usize]) -> Vec<Option<T>> {
    kept.iter().map(|&row| values.get(row).copied().flatten()).collect()
}

fn text<'a>(name: &str, values: impl Iterator<Item = Option<&'a str>>) -> FrameColumn {
    Series::new(name.into(), values.collect::<Vec<_>>()).into()
}
