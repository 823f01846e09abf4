use std::collections::HashMap;
use std::path::Path;

use polars::prelude::{DataFrame, DataType, IdxCa};

use super::super::spec::SplitSpec;
use super::super::{Error, sha256_of_file};
use super::{ComparisonSpec, Endpoint};
use crate::fusion::{Design, Encoding, Impute, Preprocessing};
use crate::learn::DesignMatrix;
use crate::stats::split::{by_period, leave_one_centre_out, patient_folds};
use crate::stats::{Survival, folds};
use crate::tables::read_table;
use crate::terms::Subtype;

/// What the rows' outcomes are.
#[derive(Debug, Clone)]
pub(super) enum Outcomes {
    Survival(Survival),
    Binary(Vec<bool>),
}

/// The usable rows of a table, aligned.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub frame: DataFrame,
    pub ids: Vec<String>,
    pub outcomes: Outcomes,
    pub subtypes: Vec<Option<Subtype>>,
    /// Rows of the table before those without outcome or required flag were left out.
    pub n_before: usize,
    pub sha256: String,
}

/// One outer split.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub repeat: usize,
    pub fold: usize,
    /// Centre held out, or empty.
    pub label: String,
    pub seed: u64,
    pub inside: Vec<usize>,
    pub outside: Vec<usize>,
}

impl Rows {
    /// Reads a table and keeps the rows with a known outcome and every required flag.
    pub(super) fn read(path: &Path, spec: &ComparisonSpec) -> Result<Self, Error> {
        let (frame, _) = read_table(path)?;
        let sha256 = sha256_of_file(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let reader = Reader { frame: &frame, table: path.display().to_string() };
        let ids = reader.ids(&spec.id)?;
        let (times, events) = match &spec.endpoint {
            Endpoint::Survival { time, event, .. } => (Some(reader.numbers(time)?), reader.flags(event)?),
            Endpoint::Binary { outcome, .. } => (None, reader.flags(outcome)?),
        };
        let mut keep: Vec<bool> = (0..events.len())
            .map(|row| {
                events.get(row).copied().flatten().is_some()
                    && times.as_ref().is_none_or(|times| times.get(row).copied().flatten().is_some())
            })
            .collect();
        for flag in &spec.require {
            for (keep, flag) in keep.iter_mut().zip(reader.flags(flag)?) {
                *keep &= flag == Some(true);
            }
        }
        let rows: Vec<usize> = (0..keep.len()).filter(|&row| keep.get(row) == Some(&true)).collect();
        if rows.len() < 20 {
            return Err(Error::Unsupported(format!(
                "expected at least 20 rows with a known outcome, found {}",
                rows.len()
            )));
        }
        let known = |values: &[Option<bool>]| -> Vec<bool> {
            rows.iter().filter_map(|&row| values.get(row).copied().flatten()).collect()
        };
        let outcomes = match times {
            Some(times) => {
                let event_time = rows.iter().filter_map(|&row| times.get(row).copied().flatten()).collect();
                Outcomes::Survival(Survival::new(event_time, known(&events))?)
            }
            None => Outcomes::Binary(known(&events)),
        };
        let subtypes = reader.subtypes()?;
        Ok(Self {
            frame: take(&frame, &rows)?,
            ids: rows.iter().filter_map(|&row| ids.get(row).cloned()).collect(),
            subtypes: rows.iter().filter_map(|&row| subtypes.get(row).copied()).collect(),
            outcomes,
            n_before: frame.height(),
            sha256,
        })
    }

    /// Refuses embeddings among the features: their encoder has seen the patients that it would be judged on.
    pub(super) fn refuse_embeddings(&self, spec: &ComparisonSpec) -> Result<(), Error> {
        let design = Design::encodings(&self.frame, &spec.groups(&[]), &Preprocessing::default())?;
        match design.columns.iter().find(|column| matches!(column.encoding, Encoding::Component(_))) {
            None => Ok(()),
            Some(column) => Err(Error::Unsupported(format!(
                "`{}` is an embedding, whose encoder is not trained again inside each fold of a comparison: use a \
                 response specification with refit_encoder",
                column.source
            ))),
        }
    }

    /// Whether each row has the event.
    pub(super) fn events(&self) -> &[bool] {
        match &self.outcomes {
            Outcomes::Survival(survival) => survival.event(),
            Outcomes::Binary(y) => y,
        }
    }

    /// The outer splits: given, by patient, by centre or by period.
    pub(super) fn tasks(&self, spec: &ComparisonSpec) -> Result<Vec<Task>, Error> {
        let evaluation = &spec.evaluation;
        if let Some(path) = &evaluation.folds {
            return self.given_folds(path, spec.seed);
        }
        let reader = Reader { frame: &self.frame, table: "the table".into() };
        let single = |fold: usize, label: &str, inside: Vec<usize>, outside: Vec<usize>| Task {
            repeat: 0,
            fold,
            label: label.to_owned(),
            seed: folds::repeat_seed(spec.seed, fold),
            inside,
            outside,
        };
        match &evaluation.split {
            SplitSpec::Patient => {
                let mut tasks = Vec::new();
                for repeat in 0..evaluation.n_repeats {
                    let seed = folds::repeat_seed(spec.seed, repeat);
                    let splits = patient_folds(&self.ids, self.events(), evaluation.n_folds, seed)?;
                    tasks.extend(splits.into_iter().enumerate().map(|(fold, split)| Task {
                        repeat,
                        fold,
                        label: String::new(),
                        seed: seed.wrapping_add(fold as u64),
                        inside: split.train,
                        outside: split.test,
                    }));
                }
                Ok(tasks)
            }
            SplitSpec::Centre { column } => {
                let labels = reader.texts(column)?;
                let labels: Vec<Option<&str>> = labels.iter().map(Option::as_deref).collect();
                let splits = leave_one_centre_out(&self.ids, &labels)?;
                Ok(splits
                    .into_iter()
                    .enumerate()
                    .map(|(at, (label, split))| single(at, &label, split.train, split.test))
                    .collect())
            }
            SplitSpec::Period { column, from } => {
                let split = by_period(&self.ids, &reader.numbers(column)?, from)?;
                Ok(vec![single(0, "", split.train, split.test)])
            }
        }
    }

    fn given_folds(&self, path: &Path, seed: u64) -> Result<Vec<Task>, Error> {
        let (frame, _) = read_table(path)?;
        let reader = Reader { frame: &frame, table: path.display().to_string() };
        let ids = reader.ids("id")?;
        let row_of: HashMap<&str, usize> = ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
        let mut tasks = Vec::new();
        let columns: Vec<String> =
            frame.get_column_names().iter().map(ToString::to_string).filter(|name| name != "id").collect();
        for (repeat, column) in columns.iter().enumerate() {
            let numbers = reader.numbers(column)?;
            let fold_of = self
                .ids
                .iter()
                .map(|id| {
                    let number = row_of.get(id.as_str()).and_then(|&row| numbers.get(row).copied().flatten());
                    number.map(|number| number as usize).ok_or_else(|| {
                        Error::Unsupported(format!(
                            "{}: expected a fold in `{column}` for every row of the table, found none for at least one",
                            path.display()
                        ))
                    })
                })
                .collect::<Result<Vec<usize>, _>>()?;
            let mut known = fold_of.clone();
            known.sort_unstable();
            known.dedup();
            for fold in known {
                let (outside, inside) = (0..fold_of.len()).partition(|&row| fold_of.get(row) == Some(&fold));
                let seed = folds::repeat_seed(seed, repeat).wrapping_add(fold as u64);
                tasks.push(Task { repeat, fold, label: String::new(), seed, inside, outside });
            }
        }
        if tasks.is_empty() {
            return Err(Error::Column {
                table: path.display().to_string(),
                column: "rep0".into(),
                expected: "fold numbers",
                found: "no column beside `id`".into(),
            });
        }
        Ok(tasks)
    }

    /// Patients as small numbers.
    pub(super) fn patient_numbers(&self, rows: &[usize]) -> Vec<usize> {
        let mut known: Vec<&String> = rows.iter().filter_map(|&row| self.ids.get(row)).collect();
        known.sort();
        known.dedup();
        rows.iter()
            .filter_map(|&row| self.ids.get(row))
            .map(|id| known.binary_search(&id).unwrap_or_default())
            .collect()
    }

    /// Matrices of training and test rows for a set of feature groups: (for trees, for linear models). What is
    /// imputed is fitted on the training rows.
    pub(super) fn matrices(
        &self,
        groups: &[(String, Vec<String>)],
        inside: &[usize],
        outside: &[usize],
    ) -> Result<Matrices, Error> {
        let design = Design::encodings(&self.frame, groups, &Preprocessing::default())?;
        let (training, test) = (take(&self.frame, inside)?, take(&self.frame, outside)?);
        let imputing = Preprocessing { impute: Impute::Median, ..Preprocessing::default() };
        let imputed = Design::encodings(&self.frame, groups, &imputing)?.fitted_on(&training, &imputing)?;
        Ok(Matrices {
            trees: (design.apply(&training)?, design.apply(&test)?),
            linear: (imputed.apply(&training)?, imputed.apply(&test)?),
        })
    }
}

/// Training and test matrices of one split.
pub(super) struct Matrices {
    /// Missing values as NaN.
    pub trees: (DesignMatrix, DesignMatrix),
    /// Missing values imputed, with indicators.
    pub linear: (DesignMatrix, DesignMatrix),
}

fn take(frame: &DataFrame, rows: &[usize]) -> Result<DataFrame, Error> {
    let index = IdxCa::from_vec("row".into(), rows.iter().map(|&row| row as u32).collect());
    Ok(frame.take(&index).map_err(crate::tables::Error::from)?)
}

/// Typed columns of a frame, or an error that names table and column.
pub(super) struct Reader<'a> {
    pub frame: &'a DataFrame,
    pub table: String,
}

impl Reader<'_> {
    fn wrong(&self, column: &str, expected: &'static str, found: String) -> Error {
        Error::Column { table: self.table.clone(), column: column.to_owned(), expected, found }
    }

    fn cast(&self, name: &str, kind: &DataType, expected: &'static str) -> Result<polars::prelude::Column, Error> {
        let column = self.frame.column(name).map_err(|_| self.wrong(name, expected, "no such column".into()))?;
        let number_wanted = *kind == DataType::Float64;
        if number_wanted && !(column.dtype().is_primitive_numeric() || *column.dtype() == DataType::Boolean) {
            return Err(self.wrong(name, expected, column.dtype().to_string()));
        }
        Ok(column.cast(kind).map_err(crate::tables::Error::from)?)
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, Error> {
        let column = self.cast(name, &DataType::Float64, "number")?;
        let numbers = column.f64().map_err(crate::tables::Error::from)?;
        Ok(numbers.iter().map(|value| value.filter(|value| !value.is_nan())).collect())
    }

    fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, Error> {
        let expected = "boolean, or 1 and 0";
        self.numbers(name)?
            .into_iter()
            .enumerate()
            .map(|(row, value)| match value {
                None => Ok(None),
                Some(1.0) => Ok(Some(true)),
                Some(0.0) => Ok(Some(false)),
                Some(other) => Err(self.wrong(name, expected, format!("{other} in row {}", row + 1))),
            })
            .collect()
    }

    fn texts(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        let column = self.cast(name, &DataType::String, "text")?;
        let texts = column.str().map_err(crate::tables::Error::from)?;
        Ok(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// An id in every row; whole numbers are written alike whatever type the file gave them.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<String>, Error> {
        let numeric = self.frame.column(name).is_ok_and(|column| column.dtype().is_primitive_numeric());
        let ids: Vec<Option<String>> = if numeric {
            self.numbers(name)?.into_iter().map(|id| id.map(|id| id.to_string())).collect()
        } else {
            self.texts(name)?
        };
        ids.into_iter()
            .enumerate()
            .map(|(row, id)| {
                id.ok_or_else(|| self.wrong(name, "an id in every row", format!("none in row {}", row + 1)))
            })
            .collect()
    }

    fn subtypes(&self) -> Result<Vec<Option<Subtype>>, Error> {
        let absent = |name: &str| self.frame.column(name).is_err();
        if absent("hr") || absent("her2") {
            return Ok(vec![None; self.frame.height()]);
        }
        let pairs = self.flags("hr")?.into_iter().zip(self.flags("her2")?);
        Ok(pairs.map(|(hr, her2)| Some(Subtype::from_receptors(hr?, her2?))).collect())
    }
}
