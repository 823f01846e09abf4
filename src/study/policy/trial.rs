use std::collections::BTreeMap;

use super::PolicySpec;
use crate::decide::policy::{OptionWindow, Propensity, periods, windows};
use crate::decide::{OptionSet, TreatmentOption};
use crate::study::fit::pick;
use crate::study::{Error, FusedTable, ResponseRows, ResponseSpec};
use crate::terms::Subtype;

/// The patients of a trial whose outcome, option and receptor subtype are known, with what the allocation hung on.
pub(super) struct Trial {
    pub(super) rows: ResponseRows,
    pub(super) options: OptionSet,
    /// Number of the control in `options`.
    pub(super) control: usize,
    /// Option received, by number.
    pub(super) received: Vec<usize>,
    pub(super) subtype: Vec<Subtype>,
    /// Receptor subtype and strata.
    pub(super) stratum: Vec<Option<usize>>,
    /// Day of enrolment; `None` everywhere where the table has none.
    pub(super) day: Vec<Option<f64>>,
    /// By receptor subtype (its place in [`Subtype::ALL`]) and option.
    pub(super) windows: Vec<Vec<Option<OptionWindow>>>,
    /// Rows of the table that are not used.
    pub(super) n_left_out: usize,
}

/// The chances of a set of rows, without and with regard to time.
pub(super) struct Chances {
    pub(super) pooled: Propensity,
    /// `None` where no day of enrolment is known.
    pub(super) by_period: Option<Propensity>,
}

impl Trial {
    /// Rows that lack `required`, the column by which patients are held out, are left out as well.
    ///
    /// # Errors
    /// [`Error::Column`], [`Error::Decide`], and [`Error::Unsupported`] where there are fewer than two options.
    pub(super) fn read(
        spec: &PolicySpec,
        model: &ResponseSpec,
        table: &FusedTable,
        required: Option<&str>,
    ) -> Result<Self, Error> {
        let name = model.options.as_deref().ok_or_else(|| {
            Error::Unsupported(format!("the model {} names no options: expected `options` in it", model.name))
        })?;
        let options = OptionSet::load(name)?;
        let number = |arm: &Option<String>| options.options.iter().position(|option| Some(&option.id) == arm.as_ref());
        let control = options.options.iter().position(|option| option.standing == "control").ok_or_else(|| {
            Error::Unsupported(format!("the options {name} have no control: expected one to compare with"))
        })?;
        let all = ResponseRows::select(table, model)?;
        let arms: Vec<Option<usize>> = all.table.texts("arm")?.iter().map(number).collect();
        let placed = match required {
            Some(column) => known(&all.table, column),
            None => vec![true; all.y.len()],
        };
        let used: Vec<usize> = (0..all.y.len())
            .filter(|&row| {
                arms.get(row).copied().flatten().is_some()
                    && all.subtypes.get(row).copied().flatten().is_some()
                    && placed.get(row) == Some(&true)
            })
            .collect();
        let received: Vec<usize> = pick(&arms, &used).into_iter().flatten().collect();
        let mut distinct = received.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < 2 {
            return Err(Error::Unsupported(format!(
                "expected patients of at least 2 options in the column `arm`, found {}",
                distinct.len()
            )));
        }
        let rows = all.at(&used)?;
        let mut patients = rows.patients.clone();
        patients.sort();
        patients.dedup();
        if patients.len() < rows.patients.len() {
            return Err(Error::Unsupported(format!(
                "expected one row per patient, found {} rows of {} patients",
                rows.patients.len(),
                patients.len()
            )));
        }
        let subtype: Vec<Subtype> = rows.subtypes.iter().copied().flatten().collect();
        let mut stratum: Vec<String> = subtype.iter().map(|subtype| subtype.as_str().to_owned()).collect();
        for column in &spec.strata {
            for (label, value) in stratum.iter_mut().zip(words(&rows.table, column)?) {
                label.push('|');
                label.push_str(value.as_deref().unwrap_or("unknown"));
            }
        }
        let stratum = numbered(&stratum.into_iter().map(Some).collect::<Vec<_>>()).0;
        let day = match &spec.day {
            Some(column) => rows.table.numbers(column)?,
            None => vec![None; received.len()],
        };
        let place: Vec<Option<usize>> = subtype.iter().map(|subtype| place(*subtype)).collect();
        let windows = windows(&day, &received, &place, control, options.options.len())?;
        let n_left_out = table.frame.height() - rows.y.len();
        Ok(Self { rows, options, control, received, subtype, stratum, day, windows, n_left_out })
    }

    /// When `option` was open in a receptor subtype.
    pub(super) fn window(&self, subtype: Subtype, option: usize) -> Option<OptionWindow> {
        self.windows.get(place(subtype)?)?.get(option).copied().flatten()
    }

    /// The option of that number.
    pub(super) fn option(&self, number: usize) -> Option<&TreatmentOption> {
        self.options.options.get(number)
    }

    /// True when the control was enrolled often enough beside `option` in that subtype, or is the option.
    pub(super) fn is_concurrent(&self, subtype: Subtype, option: usize) -> bool {
        option == self.control || self.window(subtype, option).is_some_and(|window| window.is_concurrent())
    }

    /// The chances of having received each option among `rows`: within receptor subtype and strata, and within these
    /// and the period of the trial; both smoothed towards the HER2 group, within which options were open.
    ///
    /// # Errors
    /// [`Error::Decide`].
    pub(super) fn chances(&self, spec: &PolicySpec, rows: &[usize]) -> Result<Chances, Error> {
        let n_options = self.options.options.len();
        let received = pick(&self.received, rows);
        let her2: Vec<Option<usize>> =
            pick(&self.subtype, rows).iter().map(|subtype| Some(usize::from(subtype.is_her2_positive()))).collect();
        let stratum = pick(&self.stratum, rows);
        let pooled = Propensity::estimate(&received, n_options, &[&her2, &stratum], spec.pseudo_patients)?;
        let period = periods(&pick(&self.day, rows), &received, &her2, spec.min_period)?;
        if period.iter().all(Option::is_none) {
            return Ok(Chances { pooled, by_period: None });
        }
        let n_periods = period.iter().flatten().max().map_or(0, |last| last + 1);
        let fine: Vec<Option<usize>> =
            stratum.iter().zip(&period).map(|(stratum, period)| Some((*stratum)? * n_periods + (*period)?)).collect();
        let by_period = Propensity::estimate(&received, n_options, &[&period, &fine], spec.pseudo_patients)?;
        Ok(Chances { pooled, by_period: Some(by_period) })
    }
}

/// Where a column holds a value; nowhere for a column that the table lacks.
pub(super) fn known(table: &FusedTable, column: &str) -> Vec<bool> {
    match table.frame.column(column) {
        Ok(column) => column.is_not_null().iter().map(|known| known == Some(true)).collect(),
        Err(_) => vec![false; table.frame.height()],
    }
}

fn place(subtype: Subtype) -> Option<usize> {
    Subtype::ALL.iter().position(|known| *known == subtype)
}

/// A boolean, level or text column as words.
///
/// # Errors
/// [`Error::Column`] for an absent column or one of another type.
pub(super) fn words(table: &FusedTable, column: &str) -> Result<Vec<Option<String>>, Error> {
    if table.frame.column(column).is_err() {
        return Err(Error::Column {
            table: "the fused table".into(),
            column: column.to_owned(),
            expected: "boolean or text",
            found: "no such column".into(),
        });
    }
    match table.booleans(column) {
        Ok(Some(flags)) => Ok(flags.into_iter().map(|flag| flag.map(|flag| flag.to_string())).collect()),
        _ => table.texts(column),
    }
}

/// The number of each label among the distinct ones in ascending order, and these.
pub(super) fn numbered(labels: &[Option<String>]) -> (Vec<Option<usize>>, Vec<String>) {
    let mut known: BTreeMap<&str, usize> = labels.iter().flatten().map(|label| (label.as_str(), 0)).collect();
    known.values_mut().enumerate().for_each(|(at, slot)| *slot = at);
    let numbers = labels.iter().map(|label| known.get(label.as_deref()?).copied()).collect();
    (numbers, known.keys().map(|label| (*label).to_owned()).collect())
}
