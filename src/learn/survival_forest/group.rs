//! The log-rank statistic of a group of rows that grows, exactly, in O(log m) per row for a node of m event times.
//!
//! For a group L of the node's rows, with Y and d the node's numbers at risk and events, and Λ the node's
//! Nelson–Aalen estimate,
//!
//! U = Σ_{i∈L} (δ_i − Λ(T_i)),  V = Σ_t v_t Y_t Y_L(t) − Q,  Q = Σ_t v_t Y_L(t)²,  v_t = d (Y − d) / ((Y − 1) Y²),
//!
//! and the statistic is U² / V. U and the first part of V are sums over the rows of L. A row that joins L and is at risk
//! at the first k event times raises Q by 2 Σ_{t≤k} v_t Y_L(t) + Σ_{t≤k} v_t, and the first of these sums is
//! Σ_{j∈L} quad(min(k, k_j)) with quad the running sum of v: two prefix sums over the rows of L by k_j, which a Fenwick
//! tree keeps. Columns of few values go another way: Y_L is counted, and Q summed anew at each cut.

use super::risk::Member;

/// What L sums to so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) score: f64,
    pub(super) linear: f64,
    pub(super) n_samples: u32,
    pub(super) n_events: u32,
}

impl Group {
    pub(super) fn add(&mut self, member: &Member) {
        self.score += member.score;
        self.linear += member.linear;
        self.n_samples += member.weight;
        self.n_events += member.events;
    }

    pub(super) fn statistic(&self, quadratic: f64) -> f64 {
        let variance = self.linear - quadratic;
        // Below this the difference is rounding: nobody's group has a hazard to compare.
        if variance > 1e-10 * self.linear { self.score * self.score / variance } else { 0.0 }
    }
}

/// Q, kept up with every row or counted at every cut.
pub(super) enum Spread<'a> {
    Running { fenwick: &'a mut [[f64; 2]], n_samples: f64, quadratic: f64 },
    Counted { joined: &'a mut [f64] },
}

impl Spread<'_> {
    #[inline]
    pub(super) fn add(&mut self, member: &Member, quad: &[f64]) {
        let k = member.n_times as usize;
        if k == 0 {
            return;
        }
        let weight = f64::from(member.weight);
        match self {
            Spread::Counted { joined } => joined[k] += weight,
            Spread::Running { fenwick, n_samples, quadratic } => {
                let (mut before, mut sum, mut at) = (0.0, 0.0, k);
                while at > 0 {
                    let [count, part] = fenwick[at];
                    before += count;
                    sum += part;
                    at &= at - 1;
                }
                let own = quad[k];
                *quadratic += weight * (2.0 * (sum + own * (*n_samples - before)) + weight * own);
                *n_samples += weight;
                at = k;
                while let Some(cell) = fenwick.get_mut(at) {
                    cell[0] += weight;
                    cell[1] += weight * own;
                    at += at & at.wrapping_neg();
                }
            }
        }
    }

    pub(super) fn quadratic(&self, quad: &[f64]) -> f64 {
        match self {
            Spread::Running { quadratic, .. } => *quadratic,
            Spread::Counted { joined } => {
                let (mut n_at_risk, mut sum) = (0.0, 0.0);
                for (k, pair) in quad.windows(2).enumerate().rev() {
                    n_at_risk += joined[k + 1];
                    sum += (pair[1] - pair[0]) * n_at_risk * n_at_risk;
                }
                sum
            }
        }
    }
}
