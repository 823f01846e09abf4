use super::{at, escape, open};

/// A part of 100 people, drawn the same way in bars and icons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What happened to them.
    pub kind: PartKind,
    /// How many of 100.
    pub count: u8,
}

/// What a part of 100 people stands for: colour, shape and pattern follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// A good outcome because of the option.
    Gained,
    /// A good outcome with or without it.
    Good,
    /// The bad outcome that the option is against.
    Bad,
    /// Another bad outcome.
    Other,
    /// A bad outcome because of the option.
    Lost,
}

impl PartKind {
    /// Name of the style.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Gained => "part-gained",
            Self::Good => "part-good",
            Self::Bad => "part-bad",
            Self::Other => "part-other",
            Self::Lost => "part-lost",
        }
    }

    /// The icon of one person around a point: shapes differ, so that colour is never needed.
    fn icon(self, x: f64, y: f64) -> String {
        let circle =
            |r: f64| format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", at(x - r), at(y), d = at(2.0 * r));
        match self {
            Self::Gained | Self::Good => circle(5.5),
            Self::Bad => format!("M{} {}l9 9m0 -9l-9 9", at(x - 4.5), at(y - 4.5)),
            Self::Other => format!("M{} {}h7v7h-7z", at(x - 3.5), at(y - 3.5)),
            Self::Lost => format!("M{} {}l5.5 10h-11z", at(x), at(y - 5.5)),
        }
    }
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 30.0;
/// People of a part that is wide enough for its number.
const LABELLED: u8 = 5;
const STEP: f64 = 14.0;

/// One bar of 100 people, parts from left to right, the number inside each part that is wide enough.
#[must_use]
pub fn stacked_bar(parts: &[Part], title: &str, description: &str) -> String {
    let mut svg = open("stacked", WIDTH, HEIGHT, title, description);
    let mut left = 0.0;
    for part in parts.iter().filter(|part| part.count > 0) {
        let width = WIDTH * f64::from(part.count) / 100.0;
        let class = part.kind.class();
        svg.push_str(&format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{HEIGHT}\"/>",
            at(left),
            at((width - 1.5).max(1.0))
        ));
        if part.count >= LABELLED {
            svg.push_str(&format!(
                "<text class=\"on-{class}\" x=\"{}\" y=\"20\" text-anchor=\"middle\">{}</text>",
                at(left + width / 2.0),
                part.count
            ));
        }
        left += width;
    }
    svg.push_str("</svg>");
    svg
}

/// A hundred people in ten rows of ten, part after part; one path per part.
#[must_use]
pub fn part_icons(parts: &[Part], title: &str, description: &str) -> String {
    let side = STEP * 10.0;
    let mut svg = open("icons small", side, side, title, description);
    let mut index = 0_u32;
    for part in parts.iter().filter(|part| part.count > 0) {
        let mut path = String::new();
        for _ in 0..part.count {
            let (row, column) = (f64::from(index / 10), f64::from(index % 10));
            path.push_str(&part.kind.icon((column + 0.5) * STEP, (row + 0.5) * STEP));
            index += 1;
        }
        svg.push_str(&format!("<path class=\"{}\" d=\"{path}\"/>", part.kind.class()));
    }
    svg.push_str("</svg>");
    svg
}

/// The icon of a part for a key, hidden from readers who hear the text beside it.
#[must_use]
pub fn part_mark(kind: PartKind) -> String {
    format!(
        "<svg class=\"partmark\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"{}\" d=\"{}\"/></svg>",
        escape(kind.class()),
        kind.icon(7.0, 7.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> [Part; 5] {
        [(PartKind::Gained, 3), (PartKind::Good, 84), (PartKind::Bad, 5), (PartKind::Other, 8), (PartKind::Lost, 0)]
            .map(|(kind, count)| Part { kind, count })
    }

    #[test]
    fn a_bar_is_filled_and_small_parts_carry_no_number() {
        let svg = stacked_bar(&parts(), "t", "d");
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains(">84<") && svg.contains(">5<") && svg.contains(">8<") && !svg.contains(">3<"), "{svg}");
        assert!(!svg.contains("style=") && !svg.contains("NaN"));
    }

    #[test]
    fn every_person_is_one_icon() {
        let svg = part_icons(&parts(), "t", "d");
        let people = |class: &str| {
            let path = svg.split(&format!("class=\"{class}\" d=\"")).nth(1).and_then(|rest| rest.split('"').next());
            path.map_or(0, |path| path.matches('M').count())
        };
        assert_eq!(["part-gained", "part-good", "part-bad", "part-other"].map(people), [3, 84, 5, 8]);
    }
}
