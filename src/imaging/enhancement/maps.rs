use crate::imaging::{Error, VoxelGrid};

/// The largest signal enhancement ratio that a map holds; the ratio grows without bound where late falls to before.
const LARGEST_RATIO: f32 = 100.0;

/// Signal before contrast, early and late after it, registered to one lattice.
#[derive(Debug, Clone, Copy)]
pub struct DcePhases<'a> {
    pub(super) pre: &'a [f32],
    pub(super) early: &'a [f32],
    pub(super) late: &'a [f32],
    pub(super) grid: VoxelGrid,
}

impl<'a> DcePhases<'a> {
    /// Three volumes of `grid`, planes by rows by columns.
    ///
    /// # Errors
    /// [`Error::Shape`] when a volume does not fill `grid`; [`Error::Intensity`] at the first signal that is not finite.
    pub fn new(pre: &'a [f32], early: &'a [f32], late: &'a [f32], grid: VoxelGrid) -> Result<Self, Error> {
        for (what, volume) in [("a volume before contrast", pre), ("an early volume", early), ("a late volume", late)] {
            grid.check(what, volume.len())?;
            if let Some((voxel, found)) = volume.iter().enumerate().find(|(_, signal)| !signal.is_finite()) {
                return Err(Error::Intensity { place: grid.place(voxel), found: *found });
            }
        }
        Ok(Self { pre, early, late, grid })
    }

    /// The lattice of the three volumes.
    #[must_use]
    pub fn grid(&self) -> VoxelGrid {
        self.grid
    }

    /// Early minus before, in the unit of the signal.
    #[must_use]
    pub fn subtraction(&self) -> Vec<f32> {
        self.pre.iter().zip(self.early).map(|(pre, early)| early - pre).collect()
    }

    /// Percent enhancement, 100 (early − before) / before; 0 where there was no signal before.
    #[must_use]
    pub fn percent_enhancement(&self) -> Vec<f32> {
        self.pre.iter().zip(self.early).map(|(pre, early)| percent(early - pre, *pre)).collect()
    }

    /// Signal enhancement ratio, (early − before) / (late − before), within ±100; 0 where early equals before.
    ///
    /// Below 0.9 the signal still rises after the early phase, above 1.1 it falls. Negative where only one of the two
    /// phases enhances.
    ///
    /// # Source
    /// Hylton et al. 2012, Radiology 263:663-672 (I-SPY 1).
    #[must_use]
    pub fn signal_enhancement_ratio(&self) -> Vec<f32> {
        let ratio = |((pre, early), late): ((&f32, &f32), &f32)| {
            let (risen, kept) = (early - pre, late - pre);
            if risen == 0.0 { 0.0 } else { (risen / kept).clamp(-LARGEST_RATIO, LARGEST_RATIO) }
        };
        self.pre.iter().zip(self.early).zip(self.late).map(ratio).collect()
    }

    /// Wash-in, percent enhancement per minute up to the early phase; `time_s` are the moments of the three phases.
    ///
    /// # Errors
    /// [`Error::PhaseTimes`] unless the moments are finite and ascend.
    pub fn wash_in(&self, time_s: [f64; 3]) -> Result<Vec<f32>, Error> {
        let minutes = (minutes(time_s)?.0) as f32;
        Ok(self.percent_enhancement().into_iter().map(|percent| percent / minutes).collect())
    }

    /// Wash-out, percent of the early signal lost per minute between early and late; negative where the signal still rises.
    ///
    /// # Errors
    /// [`Error::PhaseTimes`] unless the moments are finite and ascend.
    pub fn wash_out(&self, time_s: [f64; 3]) -> Result<Vec<f32>, Error> {
        let minutes = (minutes(time_s)?.1) as f32;
        Ok(self.early.iter().zip(self.late).map(|(early, late)| percent(early - late, *early) / minutes).collect())
    }
}

/// 100 `change` / `from`; 0 where `from` holds no signal.
fn percent(change: f32, from: f32) -> f32 {
    if from > 0.0 { (100.0 * change / from).clamp(f32::MIN, f32::MAX) } else { 0.0 }
}

/// Minutes from before to early and from early to late.
fn minutes(time_s: [f64; 3]) -> Result<(f64, f64), Error> {
    let [pre, early, late] = time_s;
    if time_s.iter().all(|time| time.is_finite()) && pre < early && early < late {
        Ok(((early - pre) / 60.0, (late - early) / 60.0))
    } else {
        Err(Error::PhaseTimes { found: time_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_four_voxels_follow_their_formulas() {
        // By hand: washes out, rises on, no signal before, falls back to where it was.
        let (pre, early, late) = ([100.0, 100.0, 0.0, 50.0], [200.0, 150.0, 30.0, 100.0], [150.0, 200.0, 30.0, 50.0]);
        let grid = VoxelGrid::new([1, 2, 2], [1.0; 3]).unwrap();
        let phases = DcePhases::new(&pre, &early, &late, grid).unwrap();
        assert_eq!(phases.subtraction(), [100.0, 50.0, 30.0, 50.0]);
        assert_eq!(phases.percent_enhancement(), [100.0, 50.0, 0.0, 100.0]);
        assert_eq!(phases.signal_enhancement_ratio(), [2.0, 0.5, 1.0, LARGEST_RATIO]);
        assert_eq!(phases.wash_in([0.0, 120.0, 360.0]).unwrap(), [50.0, 25.0, 0.0, 50.0]);
        let lost = phases.wash_out([0.0, 120.0, 360.0]).unwrap();
        assert!((lost[0] - 6.25).abs() < 1e-5 && (lost[1] + 100.0 / 12.0).abs() < 1e-5, "{lost:?}");
    }

    #[test]
    fn phases_that_do_not_fit_are_refused() {
        let grid = VoxelGrid::new([1, 2, 2], [1.0; 3]).unwrap();
        assert!(matches!(DcePhases::new(&[1.0; 4], &[1.0; 3], &[1.0; 4], grid), Err(Error::Shape { .. })));
        let broken = [1.0, f32::NAN, 1.0, 1.0];
        assert!(matches!(
            DcePhases::new(&[1.0; 4], &broken, &[1.0; 4], grid),
            Err(Error::Intensity { place: [0, 0, 1], .. })
        ));
        let phases = DcePhases::new(&[1.0; 4], &[1.0; 4], &[1.0; 4], grid).unwrap();
        for times in [[0.0, 0.0, 60.0], [0.0, 90.0, 60.0], [0.0, f64::NAN, 60.0]] {
            assert!(matches!(phases.wash_in(times), Err(Error::PhaseTimes { .. })));
        }
    }
}
