use super::{at, open};

const STEP: f64 = 16.0;
const RADIUS: f64 = 5.6;

/// A hundred people in ten rows of ten: `filled` of them (at most 100) solid, the others hollow.
#[must_use]
pub fn icon_array(filled: u8, title: &str, description: &str) -> String {
    let filled = usize::from(filled.min(100));
    let side = STEP * 10.0;
    let mut svg = open("icons", side, side, title, description);
    for index in 0..100_usize {
        let class = if index < filled { "with" } else { "without" };
        let (row, column) = (index / 10, index % 10);
        let (x, y) = ((column as f64 + 0.5) * STEP, (row as f64 + 0.5) * STEP);
        svg.push_str(&format!("<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{RADIUS}\"/>", at(x), at(y)));
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_always_a_hundred_people() {
        for filled in [0, 1, 42, 99, 100, 255] {
            let svg = icon_array(filled, "t", "d");
            assert_eq!(svg.matches("<circle").count(), 100);
            assert_eq!(svg.matches("class=\"with\"").count(), usize::from(filled.min(100)));
        }
    }
}
