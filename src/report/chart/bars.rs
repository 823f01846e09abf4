use super::{at, open};

const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 18.0;
const PAD: f64 = 4.0;

/// One bar of a diverging chart: from the middle to the right for a positive value, to the left for a negative one.
///
/// `largest` is the value at the full half-width, shared by all bars of the chart. Positive bars are filled,
/// negative bars hatched by their outline, so that direction survives greyscale.
#[must_use]
pub fn diverging_bar(value: f64, largest: f64, title: &str) -> String {
    let share = if largest > 0.0 { (value / largest).clamp(-1.0, 1.0) } else { 0.0 };
    let middle = WIDTH / 2.0;
    let length = share.abs() * (middle - PAD);
    let start = if share < 0.0 { middle - length } else { middle };
    let class = if share < 0.0 { "bar-lower" } else { "bar-raise" };
    let direction = if share < 0.0 { "lowers" } else { "raises" };
    let mut svg = open("bar", WIDTH, HEIGHT, title, &format!("A bar that {direction} the estimate."));
    svg.push_str(&format!(
        "<rect class=\"{class}\" x=\"{}\" y=\"4\" width=\"{}\" height=\"10\"/><line class=\"zero\" x1=\"{m}\" y1=\"0\" x2=\"{m}\" y2=\"{}\"/></svg>",
        at(start),
        at(length.max(0.5)),
        at(HEIGHT),
        m = at(middle)
    ));
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_inside_the_drawing_for_any_value() {
        for value in [-1e9, -1.0, -0.2, 0.0, 0.2, 1.0, 1e9, f64::MIN_POSITIVE] {
            for largest in [0.0, 0.5, 1.0] {
                let svg = diverging_bar(value, largest, "t");
                let read = |name: &str| -> f64 {
                    let from = svg.split(&format!(" {name}=\"")).nth(1).unwrap();
                    from.split('"').next().unwrap().parse().unwrap()
                };
                assert!(read("x") >= 0.0 && read("x") + read("width") <= WIDTH, "{svg}");
            }
        }
    }

    #[test]
    fn sign_decides_the_side() {
        assert!(diverging_bar(0.4, 1.0, "t").contains("bar-raise"));
        assert!(diverging_bar(-0.4, 1.0, "t").contains("bar-lower"));
    }
}
