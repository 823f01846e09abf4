use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::super::Error;
use super::super::evaluation::Scored;
use super::result::LabelSetCoverage;
use crate::learn::conformal::{LabelSetRule, Smoothing, Taxonomy};
use crate::stats::paired::pick;
use crate::stats::{self, beta};
use crate::terms::{Estimate, Subtype};

/// Share of label sets that may miss the outcome.
const ALPHA: f64 = 0.1;
/// Random halves per repeat of the cross-validation.
const SPLITS: usize = 20;

/// What the sets of one group did.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    covered: usize,
    sets: [usize; 3],
}

impl Tally {
    fn n(&self) -> usize {
        self.sets.iter().sum()
    }
}

/// How often 90 % label sets of out-of-fold probabilities held the outcome, over repeated random halves: one half
/// calibrates, the other is judged. Marginal and by receptor subtype.
///
/// The halves are exchangeable, so the target holds for patients like these; nothing is claimed for another site, period
/// or arm. Each patient is judged in about half of the splits: intervals count her once.
pub(super) fn coverage(scored: &Scored, seed: u64) -> Result<Vec<LabelSetCoverage>, Error> {
    let n = scored.y.len();
    let known = scored.subtypes.iter().any(Option::is_some);
    let group_of: Vec<usize> =
        scored.subtypes.iter().map(|subtype| subtype.map_or(Subtype::ALL.len(), |subtype| subtype as usize)).collect();
    let mut found = Vec::new();
    let ways = [(Taxonomy::Marginal, "all patients"), (Taxonomy::Group, "within receptor subtype")];
    for (taxonomy, said) in ways.into_iter().take(if known { 2 } else { 1 }) {
        let mut tallies = vec![Tally::default(); Subtype::ALL.len() + 2];
        for (repeat, p) in scored.repeats.iter().enumerate() {
            for split in 0..SPLITS {
                let (calibration, judged) = halves(n, seed, repeat * SPLITS + split);
                let rule = LabelSetRule::fit(
                    &pick(&scored.y, &calibration),
                    &pick(p, &calibration),
                    Some(&pick(&group_of, &calibration)),
                    ALPHA,
                    taxonomy,
                )?;
                let groups = pick(&group_of, &judged);
                let sets = rule.predict(&pick(p, &judged), Some(&groups), Smoothing::Conservative)?;
                for ((row, group), prediction) in judged.iter().zip(groups).zip(sets) {
                    let covered = usize::from(prediction.set.contains(scored.y[*row]));
                    for at in [group, Subtype::ALL.len() + 1] {
                        tallies[at].covered += covered;
                        tallies[at].sets[prediction.set.n_labels()] += 1;
                    }
                }
            }
        }
        let name = |at: usize| Subtype::ALL.get(at).map_or("all", |subtype| subtype.as_str());
        for (at, tally) in tallies.iter().enumerate().filter(|(_, tally)| tally.n() > 0) {
            if at == Subtype::ALL.len() {
                continue;
            }
            let n_patients =
                if at < Subtype::ALL.len() { group_of.iter().filter(|&&group| group == at).count() } else { n };
            let share = |count: usize| count as f64 / tally.n() as f64;
            found.push(LabelSetCoverage {
                calibration: said.to_owned(),
                group: name(at).to_owned(),
                n: n_patients,
                coverage: exact_interval(share(tally.covered), n_patients)?,
                both: share(tally.sets[2]),
                single: share(tally.sets[1]),
                empty: share(tally.sets[0]),
            });
        }
    }
    Ok(found)
}

/// Two random halves of the rows.
fn halves(n: usize, seed: u64, index: usize) -> (Vec<usize>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index as u64);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut rng);
    let second = order.split_off(n / 2);
    (order, second)
}

/// The share with the exact (Clopper–Pearson) 95 % interval of `n` trials.
fn exact_interval(share: f64, n: usize) -> Result<Estimate, stats::Error> {
    let k = (share * n as f64).round();
    let n = n as f64;
    let lower95 = if k == 0.0 { 0.0 } else { beta::quantile(0.025, k, n - k + 1.0)? };
    let upper95 = if k == n { 1.0 } else { beta::quantile(0.975, k + 1.0, n - k)? };
    Ok(Estimate { estimate: share, lower95, upper95 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_interval_is_clopper_and_pearsons() {
        // R 4.2.2: binom.test(18, 20)$conf.int.
        let found = exact_interval(0.9, 20).unwrap();
        assert!(
            (found.lower95 - 0.683_017_29).abs() < 1e-7 && (found.upper95 - 0.987_651_47).abs() < 1e-7,
            "{found:?}"
        );
        assert_eq!(exact_interval(1.0, 5).unwrap().upper95, 1.0);
    }

    #[test]
    fn halves_hold_every_row_once() {
        let (mut a, b) = halves(31, 7, 3);
        assert_eq!((a.len(), b.len()), (15, 16));
        a.extend(b);
        a.sort_unstable();
        assert_eq!(a, (0..31).collect::<Vec<_>>());
    }
}
