//! What a node knows about time: its Nelson–Aalen steps, and each row's share of the log-rank statistic.

use super::columns::TimeOrdered;
use super::tree::Step;

/// A row of a node, with its contribution to the log-rank statistic of any group that it joins.
#[derive(Clone, Copy)]
pub(super) struct Member {
    /// w (δ − Λ(T)), Λ being the node's Nelson–Aalen estimate: observed minus expected events.
    pub(super) score: f64,
    /// w Σ_{t ≤ T} v_t Y_t: the part of the variance that is linear in the group's numbers at risk.
    pub(super) linear: f64,
    /// How often the row was drawn.
    pub(super) weight: u32,
    /// Number of the node's event times not after the row's time.
    pub(super) n_times: u32,
    /// w δ.
    pub(super) events: u32,
}

/// The log-rank view of one node; its buffers are reused from node to node.
#[derive(Default)]
pub(super) struct NodeRisk {
    /// In the order of the node's rows.
    pub(super) members: Vec<Member>,
    /// Events and numbers at risk at the node's event times.
    pub(super) steps: Vec<Step>,
    /// Σ of v_s over the first k event times, k = 0, 1, …; v_t = d (Y − d) / ((Y − 1) Y²).
    pub(super) quad: Vec<f64>,
    /// Rows, counted as often as they were drawn.
    pub(super) n_samples: u32,
    /// Events, counted likewise.
    pub(super) n_events: u32,
}

impl NodeRisk {
    /// Reads the node whose rows are `rows`, positions of `data` in ascending order, each drawn `weight[row]` times.
    pub(super) fn read(&mut self, data: &TimeOrdered, rows: &[u32], weight: &[u32]) {
        self.members.clear();
        self.steps.clear();
        self.quad.clear();
        self.quad.push(0.0);
        self.n_samples = rows.iter().map(|&row| weight[row as usize]).sum();
        self.n_events = 0;
        let (mut hazard, mut linear, mut quad) = (0.0, 0.0, 0.0);
        let mut n_at_risk = self.n_samples;
        let rank = |row: u32| data.n_times_at_risk[row as usize];
        for group in rows.chunk_by(|&a, &b| rank(a) == rank(b)) {
            let drawn = |row: u32| (weight[row as usize], weight[row as usize] * u32::from(data.event[row as usize]));
            let (leaving, deaths) = group.iter().map(|&row| drawn(row)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            if deaths > 0 {
                let (d, y) = (f64::from(deaths), f64::from(n_at_risk));
                hazard += d / y;
                if n_at_risk > 1 {
                    let v = d * (y - d) / ((y - 1.0) * y * y);
                    linear += v * y;
                    quad += v;
                }
                self.quad.push(quad);
                // A row with an event is at risk at one time at least, its own.
                self.steps.push(Step { time: rank(group[0]) - 1, n_events: deaths, n_at_risk });
                self.n_events += deaths;
            }
            let n_times = (self.quad.len() - 1) as u32;
            for &row in group {
                let (weight, events) = drawn(row);
                let w = f64::from(weight);
                let score = f64::from(events) - w * hazard;
                self.members.push(Member { score, linear: w * linear, weight, n_times, events });
            }
            n_at_risk -= leaving;
        }
    }
}
