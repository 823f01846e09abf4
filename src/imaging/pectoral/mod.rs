//! The pectoral muscle of a mammogram: what it is and where it ends; its edge is found in `edge`.

mod edge;

use super::Raster;
use edge::Breast;

/// Longest side of the image in which the muscle is searched, pixels.
const SEARCH_SIDE: usize = 256;

/// Least and largest share of the breast's pixels that may lie in the muscle.
const SHARES: std::ops::RangeInclusive<f64> = 0.015..=0.42;

/// The pectoral muscle of a mediolateral oblique mammogram.
#[derive(Debug, Clone, PartialEq)]
pub struct PectoralMuscle {
    /// For each row of the image the column where the muscle ends; 0 below the muscle.
    pub boundary: Vec<f64>,
    /// First column of the breast: columns before it are the film's margin.
    pub chest_wall: usize,
    /// Angle between the muscle's straight edge and the chest wall, degrees.
    pub angle_deg: f64,
    /// Share of the breast's pixels in the muscle.
    pub area_share: f64,
}

impl PectoralMuscle {
    /// Whether a pixel lies in the muscle.
    #[must_use]
    pub fn contains(&self, row: usize, column: usize) -> bool {
        column >= self.chest_wall && self.boundary.get(row).is_some_and(|end| (column as f64) < *end)
    }

    /// The mask of the muscle on an image of `columns` columns.
    #[must_use]
    pub fn mask(&self, columns: usize) -> Vec<bool> {
        (0..self.boundary.len() * columns).map(|at| self.contains(at / columns, at % columns)).collect()
    }
}

/// The pectoral muscle of a mediolateral oblique mammogram with the chest wall on the left; `None` where no edge convinces,
/// as on craniocaudal views.
///
/// The muscle is a bright wedge in the upper corner at the chest wall. Every straight line from the top edge to the chest
/// wall, 10° to 50° from it, is tried on an image of at most 256 pixels: the one with the largest sum of steps from bright to
/// dark across it, over the square root of its length, is taken, steps counted up to a cap so that one vessel or label does not decide.
/// The cheapest path near the line, step against bend, then follows the muscle's curve row by row. A line with too weak or
/// too mixed steps, or a muscle of less than 1.5 % or more than 42 % of the breast, is refused. The same image gives the
/// same answer, always.
///
/// # Source
/// The straight line: Karssemeijer 1998, Phys. Med. Biol. 43:365-378; the path: Ferrari et al. 2004, IEEE Trans. Med.
/// Imaging 23:232-245, and dynamic programming instead of Gabor filters.
#[must_use]
pub fn pectoral_muscle(image: &Raster) -> Option<PectoralMuscle> {
    let grey = image.to_grey();
    let shrink = (grey.rows.max(grey.columns) as f64 / SEARCH_SIDE as f64).max(1.0);
    let side = |length: usize| ((length as f64 / shrink).round() as usize).max(1);
    let breast = Breast::find(&grey.resize(side(grey.rows), side(grey.columns)))?;
    let line = breast.best_line()?;
    let path = breast.follow(&line);
    let inside: f64 = path.iter().enumerate().map(|(row, end)| breast.marked_before(row, *end)).sum();
    let area_share = inside / breast.area;
    if !SHARES.contains(&area_share) {
        return None;
    }
    let (down, across) =
        (breast.image.rows as f64 / grey.rows as f64, breast.image.columns as f64 / grey.columns as f64);
    let end = |row: usize| {
        let at = ((row as f64 + 0.5) * down - 0.5).max(0.0) - breast.top as f64;
        let near = |at: f64| path.get(at as usize).copied().unwrap_or(0.0);
        let end = if at < 0.0 { near(0.0) } else { near(at) + (near(at + 1.0) - near(at)) * at.fract() };
        if end > 0.0 { (breast.left as f64 + end) / across } else { 0.0 }
    };
    Some(PectoralMuscle {
        boundary: (0..grey.rows).map(end).collect(),
        chest_wall: (breast.left as f64 / across).round() as usize,
        angle_deg: line.angle_deg(),
        area_share,
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::imaging::read_png;

    /// A film of `side` pixels: a half ellipse of textured fat and a gland at the left edge, a label at the right, and a
    /// muscle from column `top` of the first row to row `foot` of the first column, bulging by `bulge` in its middle.
    fn film(side: usize, top: f64, foot: f64, bulge: f64) -> Raster {
        let scale = side as f64 / 256.0;
        let mut image = Raster::filled(side, side, 1, 3.0);
        for (index, value) in image.pixels.iter_mut().enumerate() {
            let (row, column) = ((index / side) as f64 / scale, (index % side) as f64 / scale);
            let texture = ((index as u32).wrapping_mul(2_654_435_761) >> 24) as f32 / 16.0;
            let ellipse = |r: f64, c: f64, rows: f64, columns: f64| {
                ((row - r) / rows).powi(2) + ((column - c) / columns).powi(2) <= 1.0
            };
            if (200.0..230.0).contains(&column) && (10.0..50.0).contains(&row) {
                *value = 250.0;
            }
            if ellipse(120.0, 0.0, 135.0, 140.0) {
                *value = 90.0 + texture;
            }
            if ellipse(150.0, 70.0, 40.0, 35.0) {
                *value = 170.0 + texture;
            }
            if column < edge(row, top, foot, bulge) {
                *value = 150.0 + texture;
            }
        }
        image
    }

    /// Where the muscle of [`film`] ends, in columns of 256.
    fn edge(row: f64, top: f64, foot: f64, bulge: f64) -> f64 {
        let part = row / foot;
        if part >= 1.0 { 0.0 } else { top * (1.0 - part) + 4.0 * bulge * part * (1.0 - part) }
    }

    #[test]
    fn straight_and_curved_muscles_are_followed() {
        for (top, foot, bulge) in [(60.0, 130.0, 0.0), (60.0, 100.0, 4.0), (40.0, 150.0, -3.0)] {
            let found = pectoral_muscle(&film(256, top, foot, bulge)).unwrap();
            let known = |row: usize| edge(row as f64, top, foot, bulge);
            // The first rows and the tip are narrower than the comparison of the two sides.
            let rows = 5..(foot * 0.85) as usize;
            let error =
                rows.clone().map(|row| (found.boundary[row] - known(row)).abs()).sum::<f64>() / rows.len() as f64;
            assert!(error < 1.0, "{top} {foot} {bulge}: {error}");
            assert!((found.angle_deg - (top / foot).atan().to_degrees()).abs() < 4.0, "{}", found.angle_deg);
            assert!(found.contains(10, 5) && !found.contains(200, 5) && !found.contains(10, 120));
        }
    }

    #[test]
    fn a_larger_film_gives_the_same_muscle() {
        let small = pectoral_muscle(&film(256, 60.0, 130.0, 0.0)).unwrap();
        let large = pectoral_muscle(&film(640, 60.0, 130.0, 0.0)).unwrap();
        assert_eq!(large.boundary.len(), 640);
        assert!((small.area_share - large.area_share).abs() < 0.01);
        // Two pixels of 256.
        assert!((large.boundary[125] / 2.5 - small.boundary[50]).abs() < 2.0);
        let inside = large.mask(640).iter().filter(|inside| **inside).count() as f64 / (2.5 * 2.5);
        // By hand: a triangle of 60 by 130 pixels.
        assert!((inside / (60.0 * 130.0 / 2.0) - 1.0).abs() < 0.06, "{inside}");
    }

    #[test]
    fn films_without_a_muscle_have_none() {
        assert_eq!(pectoral_muscle(&film(256, 0.0, 1.0, 0.0)), None);
        assert_eq!(pectoral_muscle(&Raster::filled(256, 200, 1, 7.0)), None);
        assert_eq!(pectoral_muscle(&Raster::filled(1, 1, 1, 7.0)), None);
        let nothing = Raster::filled(64, 64, 1, f32::NAN);
        assert_eq!(pectoral_muscle(&nothing), None);
    }

    /// Real films: how many have a muscle of a plausible angle and area.
    #[test]
    fn most_oblique_films_have_a_plausible_muscle() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        let folder = std::env::var_os("REGIMEN_DATA").map_or(shared, PathBuf::from).join("images/mini_mias");
        let Ok(labels) = std::fs::read_to_string(folder.join("labels.csv")) else {
            println!("skipped: images/mini_mias is not in the data folder");
            return;
        };
        let mut films: Vec<(&str, &str)> = labels
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(',').and_then(|(name, rest)| Some((name, rest.split(',').nth(1)?))))
            .collect();
        films.dedup();
        let (mut found, mut plausible) = (0usize, 0usize);
        for (name, side) in &films {
            let film = read_png(&folder.join("images256").join(format!("{name}.png"))).unwrap();
            let film = if *side == "R" { film.mirrored() } else { film };
            if let Some(muscle) = pectoral_muscle(&film) {
                found += 1;
                plausible += usize::from((0.02..=0.25).contains(&muscle.area_share));
            }
        }
        println!("{} films: {found} with a muscle, {plausible} of 2 to 25 % of the breast", films.len());
        assert!(plausible * 10 >= films.len() * 7);
    }
}
