use crate::terms::Estimate;

use super::super::Error;
use crate::stats::beta_interval;

/// The option with the highest observed rate of each cell, and what the arithmetic of published tables makes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct BestPerCell {
    /// Best option of each cell; `None` where no option has enough patients.
    pub option: Vec<Option<usize>>,
    /// Observed rate of that option in that cell, with its Jeffreys interval.
    pub rate: Vec<Option<Estimate>>,
    /// Mean of the best rates, weighted by the cells' sizes: choosing and judging on the same patients, so optimistic.
    pub in_sample_rate: Option<f64>,
    /// Patients in cells that have a best option.
    pub n: usize,
    /// The same mean over all patients of a known cell, with no response in cells that have no best option: how the
    /// published figures for larger smallest cells come out.
    pub in_sample_rate_of_known: Option<f64>,
    /// Patients of a known cell.
    pub n_known: usize,
}

impl BestPerCell {
    /// The option for a patient of that cell.
    #[must_use]
    pub fn choose(&self, cell: Option<usize>) -> Option<usize> {
        self.option.get(cell?).copied().flatten()
    }
}

/// Returns the option with the highest rate in each cell, among options that at least `min_cell` patients of the cell
/// received; among equal rates the one with more patients, then the lower number.
///
/// `cell`: group of each row, `None` where unknown (the row is left out); `received`: option of each row.
///
/// # Errors
/// [`Error::Lengths`], [`Error::Stats`] never in practice.
///
/// # Source
/// Wolf et al., Cancer Cell 2022, figure 5 (the arithmetic).
pub fn best_per_cell(
    cell: &[Option<usize>],
    received: &[usize],
    y: &[bool],
    min_cell: usize,
) -> Result<BestPerCell, Error> {
    Error::same_length("cells", received.len(), cell.len())?;
    Error::same_length("outcomes", received.len(), y.len())?;
    let n_cells = cell.iter().flatten().max().map_or(0, |last| last + 1);
    let n_options = received.iter().max().map_or(0, |last| last + 1);
    let mut counts = vec![vec![(0usize, 0usize); n_options]; n_cells];
    for ((cell, option), event) in cell.iter().zip(received).zip(y) {
        let Some(count) = cell.and_then(|cell| counts.get_mut(cell)?.get_mut(*option)) else { continue };
        count.0 += 1;
        count.1 += usize::from(*event);
    }
    let mut best = BestPerCell {
        option: vec![None; n_cells],
        rate: vec![None; n_cells],
        in_sample_rate: None,
        n: 0,
        in_sample_rate_of_known: None,
        n_known: cell.iter().flatten().count(),
    };
    let mut expected = 0.0;
    for (at, options) in counts.iter().enumerate() {
        let n_cell: usize = options.iter().map(|(n, _)| n).sum();
        let enough = options.iter().enumerate().filter(|(_, (n, _))| *n >= min_cell.max(1));
        // Rates compared as cross products, which are exact.
        let top =
            enough.max_by(|(a, (na, ea)), (b, (nb, eb))| (ea * nb).cmp(&(eb * na)).then(na.cmp(nb)).then(b.cmp(a)));
        let Some((option, &(n, events))) = top else { continue };
        best.option[at] = Some(option);
        best.rate[at] = Some(beta_interval(events, n)?);
        expected += n_cell as f64 * events as f64 / n as f64;
        best.n += n_cell;
    }
    best.in_sample_rate = (best.n > 0).then(|| expected / best.n as f64);
    best.in_sample_rate_of_known = (best.n > 0).then(|| expected / best.n_known as f64);
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of (cell, option, patients, events).
    fn rows(table: &[(usize, usize, usize, usize)]) -> (Vec<Option<usize>>, Vec<usize>, Vec<bool>) {
        let mut found = (Vec::new(), Vec::new(), Vec::new());
        for &(cell, option, n, events) in table {
            for at in 0..n {
                found.0.push(Some(cell));
                found.1.push(option);
                found.2.push(at < events);
            }
        }
        found
    }

    #[test]
    fn the_best_rate_of_each_cell_is_weighted_by_the_cells_size() {
        // Cell 0: 2/4, 6/8 → option 1; cell 1: 3/3 (too few at 4), 1/4 → option 1. (12 · 0.75 + 7 · 0.25) / 19.
        let (cell, option, y) = rows(&[(0, 0, 4, 2), (0, 1, 8, 6), (1, 0, 3, 3), (1, 1, 4, 1)]);
        let found = best_per_cell(&cell, &option, &y, 4).unwrap();
        assert_eq!(found.option, [Some(1), Some(1)]);
        assert_eq!((found.in_sample_rate, found.n), (Some(10.75 / 19.0), 19));
        assert_eq!(best_per_cell(&cell, &option, &y, 3).unwrap().option, [Some(1), Some(0)]);
        let none = best_per_cell(&cell, &option, &y, 9).unwrap();
        assert_eq!((none.in_sample_rate, none.choose(Some(0))), (None, None));
    }

    /// Wolf et al. 2022 on the open rows, counted once more in pandas: receptor subtypes 50.3 %, RPS-5 58.1 %, RPS-7
    /// 61.3 % with at least 5 patients an arm and cell, 50.3, 53.8 and 53.9 % with at least 10, where one cell of RPS-7
    /// has no such arm and counts as if nobody responded (56.5 % of the others).
    #[test]
    fn the_published_arithmetic_comes_out_on_the_open_rows_of_ispy2() {
        let folder = std::env::var("REGIMEN_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
        let path = format!("{folder}/ispy2/wolf2022_clinical_biomarkers.csv");
        let Ok(mut reader) = csv::ReaderBuilder::new().delimiter(b';').from_path(&path) else {
            println!("skipped: {path} is not here");
            return;
        };
        let header = reader.headers().unwrap().clone();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let numbered = |columns: &[&str]| -> Vec<Option<usize>> {
            let at: Vec<usize> =
                columns.iter().map(|name| header.iter().position(|known| known == *name).unwrap()).collect();
            let key = |record: &csv::StringRecord| {
                let key: Vec<String> = at.iter().map(|&at| record[at].to_owned()).collect();
                (!key.iter().any(|word| word == "NA")).then(|| key.join("|"))
            };
            let keys: Vec<Option<String>> = records.iter().map(key).collect();
            let mut known: Vec<&String> = keys.iter().flatten().collect();
            known.sort();
            known.dedup();
            keys.iter().map(|key| key.as_ref().and_then(|key| known.binary_search(&key).ok())).collect()
        };
        let received: Vec<usize> = numbered(&["Arm..short.name."]).into_iter().map(Option::unwrap).collect();
        let y: Vec<bool> = numbered(&["pCR"]).into_iter().map(|y| y == Some(1)).collect();
        let cells =
            [numbered(&["HR", "HER2"]), numbered(&["RPS.5"]), numbered(&["RPS.7..i.e..DRD.Immune.HR.HER2.3..7."])];
        for (min_cell, expected) in [(5, [50.3, 58.1, 61.3]), (10, [50.3, 53.8, 53.9])] {
            for (cell, expected) in cells.iter().zip(expected) {
                let found =
                    100.0 * best_per_cell(cell, &received, &y, min_cell).unwrap().in_sample_rate_of_known.unwrap();
                assert!((found - expected).abs() < 0.05, "{min_cell}: {found} {expected}");
            }
        }
    }

    #[test]
    fn equal_rates_prefer_more_patients_then_the_lower_number() {
        let (cell, option, y) = rows(&[(0, 0, 4, 2), (0, 1, 8, 4), (0, 2, 8, 4)]);
        assert_eq!(best_per_cell(&cell, &option, &y, 1).unwrap().choose(Some(0)), Some(1));
    }

    #[test]
    fn rows_of_an_unknown_cell_are_left_out() {
        let found = best_per_cell(&[None, Some(0)], &[0, 0], &[true, false], 1).unwrap();
        assert_eq!((found.n, found.in_sample_rate, found.choose(None)), (1, Some(0.0), None));
    }
}
