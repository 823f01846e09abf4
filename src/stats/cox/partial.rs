//! The partial likelihood and its derivatives, as sums over the risk sets of one backward sweep.
//!
//! With rᵢ = wᵢ exp(xᵢβ), a risk set is kept in two parts: the rows that survive the time (R₀ = Σ r, R₁ = Σ r x) and
//! those that die at it (D₀, D₁). Efron's k-th of d tied deaths sees R + g D with g = 1 − k/d, Breslow's sees g = 1; all
//! terms are sums of positive numbers, so that nothing cancels. The information is
//! Σᵢ rᵢ Λᵢ xᵢxᵢᵀ − Σ_deaths x̄ x̄ᵀ: the first sum runs once over the rows instead of keeping Σ r x xᵀ per risk set.

use super::Ties;
use super::design::Design;

/// Largest spread of linear predictors that is evaluated: exp(±300) and its square stay inside f64.
pub(super) const LARGEST_SPREAD: f64 = 300.0;
/// Delayed entry takes rows out by subtraction; below this share of its peak a sum is added up afresh.
const REFRESH_SHARE: f64 = 1e-2;

/// exp of the linear predictors, shifted so that the largest is 1.
#[derive(Debug, Clone)]
pub(super) struct Risks {
    /// Linear predictor of each sorted row minus `shift`; 0 for rows that no event time sees.
    pub eta: Vec<f64>,
    /// Weight × exp(`eta`); 0 for rows that no event time sees.
    pub weighted: Vec<f64>,
    pub shift: f64,
}

impl Risks {
    /// Evaluates the rows at `beta` on the standardised scale; gives the spread when it is too large to go on.
    pub fn new(design: &Design, beta: &[f64]) -> Result<Self, f64> {
        let mut eta = vec![0.0; design.n_samples()];
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (position, value) in eta.iter_mut().enumerate() {
            if !design.at_risk[position].is_empty() {
                let offset = design.offset.get(position).copied().unwrap_or(0.0);
                *value = offset + design.row(position).iter().zip(beta).map(|(x, beta)| x * beta).sum::<f64>();
                lowest = lowest.min(*value);
                highest = highest.max(*value);
            }
        }
        let spread = highest - lowest;
        // A NaN or infinite predictor is caught here too.
        if !(spread <= LARGEST_SPREAD && highest.abs() < 1e12) {
            return Err(if spread.is_nan() { f64::INFINITY } else { spread });
        }
        let mut weighted = vec![0.0; eta.len()];
        for position in 0..eta.len() {
            if !design.at_risk[position].is_empty() {
                eta[position] -= highest;
                weighted[position] = design.weight[position] * eta[position].exp();
            }
        }
        Ok(Self { eta, weighted, shift: highest })
    }
}

/// The risk set at one event time.
pub(super) struct RiskSet<'a> {
    /// Σ r over the rows at risk that do not die now.
    pub rest: f64,
    /// Σ r x over the same rows.
    pub rest_x: &'a [f64],
    /// Σ r over the rows that die now.
    pub dead: f64,
    /// Σ r x over the same rows.
    pub dead_x: &'a [f64],
    pub n_deaths: usize,
    /// Sum of the case weights of the dead.
    pub death_weight: f64,
}

/// Sums over the tied deaths of one time, v being the mean weight of the dead and q = R₀ + g D₀ what each one sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct TieSums {
    /// Σ v / q: hazard increment of those at risk who survive.
    pub hazard: f64,
    /// Σ v g / q: hazard increment of those who die.
    pub hazard_of_dead: f64,
    /// Σ v / q², Σ v g / q², Σ v g² / q².
    pub squares: [f64; 3],
    /// Σ v ln q.
    pub log_sum: f64,
}

impl RiskSet<'_> {
    pub fn tie_sums(&self, ties: Ties) -> TieSums {
        if ties == Ties::Breslow || self.n_deaths == 1 {
            let seen = self.rest + self.dead;
            let hazard = self.death_weight / seen;
            let log_sum = self.death_weight * seen.ln();
            return TieSums { hazard, hazard_of_dead: hazard, squares: [hazard / seen; 3], log_sum };
        }
        let n_deaths = self.n_deaths as f64;
        let mean_weight = self.death_weight / n_deaths;
        let mut sums = TieSums { hazard: 0.0, hazard_of_dead: 0.0, squares: [0.0; 3], log_sum: 0.0 };
        for left in (1..=self.n_deaths).rev() {
            let share = left as f64 / n_deaths;
            let seen = self.rest + share * self.dead;
            let hazard = mean_weight / seen;
            sums.hazard += hazard;
            sums.hazard_of_dead += share * hazard;
            sums.squares[0] += hazard / seen;
            sums.squares[1] += share * hazard / seen;
            sums.squares[2] += share * share * hazard / seen;
            sums.log_sum += mean_weight * seen.ln();
        }
        sums
    }
}

/// Calls `visit` with each event time's group and risk set, by stratum and falling time.
pub(super) fn sweep(design: &Design, weighted: &[f64], mut visit: impl FnMut(usize, &RiskSet<'_>)) {
    let n_features = design.n_features;
    let (mut rest_x, mut dead_x) = (vec![0.0; n_features], vec![0.0; n_features]);
    for stratum in &design.strata {
        let (mut rest, mut peak) = (0.0_f64, 0.0_f64);
        rest_x.fill(0.0);
        for index in stratum.groups.clone() {
            let group = &design.groups[index];
            for position in group.joining.clone() {
                rest += weighted[position];
                add_scaled(&mut rest_x, weighted[position], design.row(position));
            }
            peak = peak.max(rest);
            for &position in &design.leaving[group.leaving.clone()] {
                rest -= weighted[position];
                add_scaled(&mut rest_x, -weighted[position], design.row(position));
            }
            if !group.leaving.is_empty() && rest <= REFRESH_SHARE * peak {
                rest = 0.0;
                rest_x.fill(0.0);
                for position in stratum.rows.clone().take_while(|&position| position < group.deaths.start) {
                    if design.at_risk[position].contains(&index) {
                        rest += weighted[position];
                        add_scaled(&mut rest_x, weighted[position], design.row(position));
                    }
                }
                peak = rest;
            }
            let (mut dead, mut death_weight) = (0.0, 0.0);
            dead_x.fill(0.0);
            for position in group.deaths.clone() {
                dead += weighted[position];
                death_weight += design.weight[position];
                add_scaled(&mut dead_x, weighted[position], design.row(position));
            }
            let n_deaths = group.deaths.len();
            visit(index, &RiskSet { rest, rest_x: &rest_x, dead, dead_x: &dead_x, n_deaths, death_weight });
            rest += dead;
            add_scaled(&mut rest_x, 1.0, &dead_x);
            peak = peak.max(rest);
        }
    }
}

/// Hazard increments at each group, for those who survive it and those who die at it.
#[derive(Debug, Clone)]
pub(super) struct Hazards {
    pub increment: Vec<f64>,
    pub of_dead: Vec<f64>,
}

impl Hazards {
    pub fn zeros(n_groups: usize) -> Self {
        Self { increment: vec![0.0; n_groups], of_dead: vec![0.0; n_groups] }
    }

    /// Λᵢ, the hazard summed over the event times at which each sorted row is at risk.
    pub fn per_row(&self, design: &Design) -> Vec<f64> {
        // Element g: the sum over group g and the earlier times, within its stratum.
        let mut cumulative = vec![0.0; self.increment.len() + 1];
        for stratum in &design.strata {
            let mut sum = 0.0;
            for index in stratum.groups.clone().rev() {
                sum += self.increment[index];
                cumulative[index] = sum;
            }
        }
        let group_end: Vec<usize> =
            design.strata.iter().flat_map(|stratum| stratum.rows.clone().map(|_| stratum.groups.end)).collect();
        let up_to = |index: usize, end: usize| if index < end { cumulative[index] } else { 0.0 };
        design
            .at_risk
            .iter()
            .enumerate()
            .map(|(position, groups)| {
                if groups.is_empty() {
                    return 0.0;
                }
                let end = group_end[position];
                let before_entry = up_to(groups.end, end);
                if design.event[position] {
                    up_to(groups.start + 1, end) - before_entry + self.of_dead[groups.start]
                } else {
                    cumulative[groups.start] - before_entry
                }
            })
            .collect()
    }
}

/// Log partial likelihood, its gradient, and minus its second derivatives (row-major, lower triangle).
#[derive(Debug, Clone)]
pub(super) struct Derivatives {
    pub log_likelihood: f64,
    pub gradient: Vec<f64>,
    pub information: Vec<f64>,
}

/// Returns the derivatives with the term of each event time multiplied by `factor(group)`.
///
/// A factor of 1 gives those of the likelihood; f(t) and f(t)² give the blocks that belong to a coefficient of x f(t).
pub(super) fn derivatives(design: &Design, risks: &Risks, ties: Ties, factor: impl Fn(usize) -> f64) -> Derivatives {
    let n_features = design.n_features;
    let mut hazards = Hazards::zeros(design.groups.len());
    let mut means_squared = vec![0.0; n_features * n_features];
    let mut log_likelihood = 0.0;
    sweep(design, &risks.weighted, |index, set| {
        let (sums, factor) = (set.tie_sums(ties), factor(index));
        hazards.increment[index] = factor * sums.hazard;
        hazards.of_dead[index] = factor * sums.hazard_of_dead;
        log_likelihood -= factor * sums.log_sum;
        let [plain, mixed, dead] = sums.squares.map(|value| factor * value);
        if ties == Ties::Breslow || set.n_deaths == 1 {
            for a in 0..n_features {
                let scaled = plain * (set.rest_x[a] + set.dead_x[a]);
                let row = &mut means_squared[a * n_features..=a * n_features + a];
                for ((slot, rest), dead) in row.iter_mut().zip(set.rest_x).zip(set.dead_x) {
                    *slot += scaled * (rest + dead);
                }
            }
        } else {
            for a in 0..n_features {
                let for_rest = plain * set.rest_x[a] + mixed * set.dead_x[a];
                let for_dead = mixed * set.rest_x[a] + dead * set.dead_x[a];
                let row = &mut means_squared[a * n_features..=a * n_features + a];
                for ((slot, rest), dead) in row.iter_mut().zip(set.rest_x).zip(set.dead_x) {
                    *slot += for_rest * rest + for_dead * dead;
                }
            }
        }
    });
    let mut expected = hazards.per_row(design);
    expected.iter_mut().zip(&risks.weighted).for_each(|(hazard, risk)| *hazard *= risk);
    let mut gradient = vec![0.0; n_features];
    for (position, expected) in expected.iter().enumerate() {
        let mut residual = -expected;
        if design.event[position] {
            let weight = factor(design.at_risk[position].start) * design.weight[position];
            log_likelihood += weight * risks.eta[position];
            residual += weight;
        }
        add_scaled(&mut gradient, residual, design.row(position));
    }
    let mut information = weighted_cross_products(&design.x, &expected, n_features);
    information.iter_mut().zip(&means_squared).for_each(|(slot, mean)| *slot -= mean);
    Derivatives { log_likelihood, gradient, information }
}

/// Σ weight x xᵀ, lower triangle, four rows at a time.
fn weighted_cross_products(x: &[f64], weights: &[f64], n_features: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n_features * n_features];
    let mut blocks = x.chunks_exact(4 * n_features);
    let mut block_weights = weights.chunks_exact(4);
    for (block, weight) in (&mut blocks).zip(&mut block_weights) {
        let (first, rest) = block.split_at(n_features);
        let (second, rest) = rest.split_at(n_features);
        let (third, fourth) = rest.split_at(n_features);
        for a in 0..n_features {
            let scaled = [weight[0] * first[a], weight[1] * second[a], weight[2] * third[a], weight[3] * fourth[a]];
            let row = &mut sums[a * n_features..=a * n_features + a];
            for ((((slot, x0), x1), x2), x3) in row.iter_mut().zip(first).zip(second).zip(third).zip(fourth) {
                *slot += (scaled[0] * x0 + scaled[1] * x1) + (scaled[2] * x2 + scaled[3] * x3);
            }
        }
    }
    for (row, &weight) in blocks.remainder().chunks_exact(n_features).zip(block_weights.remainder()) {
        for a in 0..n_features {
            add_scaled(&mut sums[a * n_features..=a * n_features + a], weight * row[a], row);
        }
    }
    sums
}

/// `sums` += `factor` × `values`, as far as the shorter reaches.
pub(super) fn add_scaled(sums: &mut [f64], factor: f64, values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(slot, value)| *slot += factor * value);
}
