use super::draw::{Ink, Op, Shape};
use super::text::Para;
use crate::report::figure::IntervalFigure;
use crate::report::view::OptionRow;

/// Room at both ends of an axis, points.
const END: f32 = 4.0;
/// Distance of two icons.
const STEP: f32 = 10.6;

/// Where a share of 0 to 1 stands on an axis of `width` points; what lies outside stands at its end.
fn place(share: f64, width: f32) -> f32 {
    let inside = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    END + inside as f32 * (width - 2.0 * END)
}

fn grid(width: f32, half: f32) -> Vec<Op> {
    let line = |share: f64| {
        let x = place(share, width);
        Op::Line { from: (x, -half), to: (x, half), width: 0.4, ink: Ink::Rule, dashed: false }
    };
    [0.0, 0.25, 0.5, 0.75, 1.0].into_iter().map(line).collect()
}

/// The labels of an axis from 0 to 100 %, from the left and the bottom of a table head.
pub(super) fn axis(width: f32) -> Vec<Op> {
    [(0.0, "0"), (0.5, "50"), (1.0, "100\u{a0}%")]
        .into_iter()
        .map(|(share, label)| {
            let size = 7.6;
            let wide = super::face::FACES.regular.width(label, size);
            let shift = if share <= 0.0 { 0.0 } else { wide * share as f32 };
            let x = place(share, width) - shift;
            Op::Text { x, y: -2.0, size, bold: false, ink: Ink::Soft, text: label.to_owned() }
        })
        .collect()
}

/// The intervals of one arm on the axis: the leading model, further models, the observed rate.
pub(super) fn intervals(row: &OptionRow, width: f32) -> Vec<Op> {
    let lead = row.estimate.as_ref().map(|each| (each, Ink::Lead, Shape::Square, true, false));
    let others = row.other_models.iter().filter_map(|other| other.estimate.as_ref());
    let others = others.map(|each| (each, Ink::Other, Shape::Triangle, false, false));
    let seen = row.observed.as_ref().map(|each| (each, Ink::Seen, Shape::Diamond, false, true));
    let marks: Vec<(&IntervalFigure, Ink, Shape, bool, bool)> = lead.into_iter().chain(others).chain(seen).collect();
    if marks.is_empty() {
        return Vec::new();
    }
    let gap = 9.0;
    let half = gap * marks.len() as f32 / 2.0;
    let mut ops = grid(width, half);
    for (index, (figure, ink, shape, filled, dashed)) in marks.iter().enumerate() {
        let y = gap * (index as f32 + 0.5) - half;
        let (from, to) = (place(figure.lower95, width), place(figure.upper95, width));
        ops.push(Op::Line { from: (from, y), to: (to, y), width: 1.2, ink: *ink, dashed: *dashed });
        for end in [from, to] {
            ops.push(Op::Line { from: (end, y - 2.0), to: (end, y + 2.0), width: 1.0, ink: *ink, dashed: false });
        }
        let at = (place(figure.estimate, width), y);
        ops.push(Op::Mark { shape: *shape, at, radius: 2.6, ink: *ink, filled: *filled });
    }
    ops
}

/// One bar of a diverging chart: right of the middle for a positive value, left and hollow for a negative one.
pub(super) fn diverging(value: f64, largest: f64, width: f32) -> Vec<Op> {
    let share = if largest > 0.0 { (value / largest).clamp(-1.0, 1.0) as f32 } else { 0.0 };
    let middle = width / 2.0;
    let length = (share.abs() * (middle - END)).max(0.4);
    let zero = Op::Line { from: (middle, -6.5), to: (middle, 6.5), width: 0.6, ink: Ink::Soft, dashed: false };
    let (y, height) = (-3.5, 7.0);
    let bar = if share < 0.0 {
        Op::Frame { x: middle - length, y, width: length, height, ink: Ink::Seen }
    } else {
        Op::Fill { x: middle, y, width: length, height, ink: Ink::Lead }
    };
    vec![bar, zero]
}

/// A hundred people in ten rows of ten, `filled` of them solid, from their own top left corner: strokes and side.
pub(super) fn icons(filled: u8) -> (Vec<Op>, f32) {
    let person = |index: u8| {
        let (row, column) = (f32::from(index / 10), f32::from(index % 10));
        let at = ((column + 0.5) * STEP, (row + 0.5) * STEP);
        let solid = index < filled.min(100);
        let ink = if solid { Ink::Lead } else { Ink::Soft };
        Op::Mark { shape: Shape::Circle, at, radius: 3.7, ink, filled: solid }
    };
    ((0..100).map(person).collect(), 10.0 * STEP)
}

/// The line under a table that names its marks.
pub(super) fn key(has_lead: bool, has_others: bool, has_observed: bool) -> (Vec<Op>, Para) {
    let mut ops = Vec::new();
    let mut x = 0.0;
    let entries = [
        (has_lead, Shape::Square, Ink::Lead, true, "Leading model"),
        (has_others, Shape::Triangle, Ink::Other, false, "Other models, in the order named below"),
        (has_observed, Shape::Diamond, Ink::Seen, false, "Rate observed in the trial"),
    ];
    for (shown, shape, ink, filled, label) in entries {
        if shown {
            ops.push(Op::Mark { shape, at: (x + 5.0, 5.5), radius: 2.6, ink, filled });
            let text = format!("{label}  ");
            let wide = super::face::FACES.regular.width(&text, 8.0);
            ops.push(Op::Text { x: x + 12.0, y: 8.0, size: 8.0, bold: false, ink: Ink::Soft, text });
            x += wide + 22.0;
        }
    }
    (ops, Para::soft("Bars: 95\u{a0}% intervals on an axis from 0 to 100\u{a0}%.", 8.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ReportView, fixtures};

    fn reach(ops: &[Op]) -> (f32, f32) {
        let ends = ops.iter().flat_map(|op| match op {
            Op::Line { from, to, .. } => vec![from.0, to.0],
            Op::Mark { at, radius, .. } => vec![at.0 - radius, at.0 + radius],
            Op::Fill { x, width, .. } | Op::Frame { x, width, .. } => vec![*x, x + width],
            Op::Text { .. } => Vec::new(),
        });
        ends.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)))
    }

    #[test]
    fn marks_and_bars_stay_inside_their_cell() {
        let view = ReportView::new(&fixtures::normal());
        for row in &view.options {
            let ops = intervals(row, 90.0);
            assert!(ops.is_empty() || (reach(&ops).0 >= 0.0 && reach(&ops).1 <= 90.0), "{}", row.label);
        }
        for value in [-1e9, -0.4, 0.0, 0.4, 1e9] {
            let (low, high) = reach(&diverging(value, 0.7, 90.0));
            assert!(low >= 0.0 && high <= 90.0, "{value}");
        }
        assert_eq!([place(-3.0, 100.0), place(f64::NAN, 100.0), place(7.0, 100.0)], [4.0, 4.0, 96.0]);
    }

    #[test]
    fn a_bar_falls_to_the_side_of_its_sign() {
        assert!(matches!(diverging(0.4, 0.7, 90.0)[0], Op::Fill { x, .. } if x >= 45.0));
        assert!(matches!(diverging(-0.4, 0.7, 90.0)[0], Op::Frame { x, .. } if x < 45.0));
    }

    #[test]
    fn there_are_always_a_hundred_people() {
        for filled in [0, 1, 58, 100, 255] {
            let (ops, _) = icons(filled);
            let solid = ops.iter().filter(|op| matches!(op, Op::Mark { filled: true, .. })).count();
            assert_eq!((ops.len(), solid), (100, usize::from(filled.min(100))));
        }
    }
}
