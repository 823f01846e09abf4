use std::collections::HashMap;
use std::path::Path;

use super::super::Error;
use super::rows::{Reader, Task};
use super::survival_score::SurvivalPrediction;
use crate::stats::SurvivalCurves;
use crate::tables::read_table;

/// Out-of-fold predictions made by other software, for the same folds: columns `rep`, `fold`, `id`, and `risk` with
/// `s0`, `s1`, … (survival on the evaluation grid), or `p` (probability of the outcome).
#[derive(Debug, Clone)]
pub struct External {
    /// Name in the table.
    pub name: String,
    path: String,
    /// Row of the file by repeat and id.
    row_of: HashMap<(usize, String), usize>,
    columns: Vec<Vec<f64>>,
}

impl External {
    /// Reads a file of predictions.
    ///
    /// # Errors
    /// [`Error::Table`], [`Error::Column`] for a column that is absent or holds no numbers.
    pub fn read(name: &str, path: &Path) -> Result<Self, Error> {
        let (frame, _) = read_table(path)?;
        let table = path.display().to_string();
        let reader = Reader { frame: &frame, table: table.clone() };
        let numbers = |column: &str| -> Result<Vec<f64>, Error> {
            reader
                .numbers(column)?
                .into_iter()
                .enumerate()
                .map(|(row, value)| {
                    value.filter(|value| value.is_finite()).ok_or_else(|| Error::Column {
                        table: table.clone(),
                        column: column.to_owned(),
                        expected: "numbers without gaps",
                        found: format!("none in row {}", row + 1),
                    })
                })
                .collect()
        };
        let ids = reader.ids("id")?;
        let repeats = numbers("rep")?;
        let names: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
        let columns = if names.iter().any(|name| name == "p") {
            vec![numbers("p")?]
        } else {
            let n_times = names.iter().filter(|name| is_survival(name)).count();
            let wanted = std::iter::once("risk".to_owned()).chain((0..n_times).map(|at| format!("s{at}")));
            wanted.map(|name| numbers(&name)).collect::<Result<_, _>>()?
        };
        let row_of =
            repeats.iter().zip(ids).enumerate().map(|(row, (repeat, id))| ((*repeat as usize, id), row)).collect();
        Ok(Self { name: name.to_owned(), path: table, row_of, columns })
    }

    /// The predictions for the test rows of a split.
    pub(super) fn survival(&self, task: &Task, ids: &[String], grid: &[f64]) -> Result<SurvivalPrediction, Error> {
        if self.columns.len() != 1 + grid.len() {
            return Err(Error::Unsupported(format!(
                "{}: expected survival at {} times, found {}",
                self.path,
                grid.len(),
                self.columns.len() - 1
            )));
        }
        let rows = self.rows(task, ids)?;
        let at = |column: &Vec<f64>, row: usize| column.get(row).copied().unwrap_or(f64::NAN);
        let [risk, curves @ ..] = self.columns.as_slice() else { return Err(Error::Interrupted) };
        let values = rows.iter().flat_map(|&row| curves.iter().map(move |column| at(column, row))).collect();
        Ok(SurvivalPrediction {
            risk: rows.iter().map(|&row| at(risk, row)).collect(),
            curves: SurvivalCurves::new(grid.to_vec(), rows.len(), values)?,
            chosen: String::new(),
        })
    }

    /// The probabilities for the test rows of a split.
    pub(super) fn binary(&self, task: &Task, ids: &[String]) -> Result<Vec<f64>, Error> {
        let rows = self.rows(task, ids)?;
        let p = self.columns.first().map_or(&[][..], Vec::as_slice);
        Ok(rows.iter().filter_map(|&row| p.get(row).copied()).collect())
    }

    fn rows(&self, task: &Task, ids: &[String]) -> Result<Vec<usize>, Error> {
        let found: Vec<usize> = task
            .outside
            .iter()
            .filter_map(|&row| self.row_of.get(&(task.repeat, ids.get(row)?.clone())).copied())
            .collect();
        if found.len() < task.outside.len() {
            return Err(Error::Unsupported(format!(
                "{}: expected a prediction for every test row of repeat {}, found {} of {}",
                self.path,
                task.repeat,
                found.len(),
                task.outside.len()
            )));
        }
        Ok(found)
    }
}

fn is_survival(name: &str) -> bool {
    name.strip_prefix('s').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
