/// The style sheet of every page, inlined between `<style>` and `</style>` without change, so that a server can allow
/// exactly this text by its hash.
pub const STYLE: &str = include_str!("../../templates/report/style.css");

#[cfg(test)]
mod tests {
    use super::STYLE;

    /// The colour of a token in the block of tokens number `block` (0: light, 1: dark), falling back to the light one.
    fn token(name: &str, block: usize) -> [u8; 3] {
        let blocks: Vec<&str> = STYLE.split(":root {").skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let of = |block: usize| blocks.get(block).and_then(|text| text.split(&format!("--{name}: #")).nth(1));
        let digits = of(block).or_else(|| of(0)).unwrap_or_else(|| panic!("no token {name}"));
        [0, 2, 4].map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
    }

    /// WCAG 2.2, relative luminance and contrast ratio.
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let linear = |value: u8| {
            let share = f64::from(value) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |[r, g, b]: [u8; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_stands_out_from_its_ground_in_light_and_dark() {
        const GROUNDS: [&str; 7] = ["paper", "raised", "faint", "lead-soft", "good-soft", "warn-soft", "stop-soft"];
        for block in [0, 1] {
            let clear = |text: &str, ground: &str, least: f64| {
                let found = contrast(token(text, block), token(ground, block));
                assert!(found >= least, "block {block}: {text} on {ground} is {found:.2}");
            };
            for text in ["ink", "soft", "lead", "good", "warn", "stop"] {
                for ground in GROUNDS {
                    clear(text, ground, 4.5);
                }
            }
            let on = [("on-lead", "lead"), ("on-stop", "stop"), ("on-lead", "gain"), ("on-alive", "alive")];
            for (text, ground) in on.into_iter().chain([("on-cancer", "cancer"), ("on-causes", "causes")]) {
                clear(text, ground, 4.5);
            }
            for edge in ["edge", "seen", "other", "cancer"] {
                clear(edge, "paper", 3.0);
            }
        }
    }

    #[test]
    fn the_style_sheet_asks_for_nothing_and_serves_every_reader() {
        for foreign in ["url(", "@import", "http:", "https:", "</style"] {
            assert!(!STYLE.contains(foreign), "{foreign}");
        }
        for reader in ["prefers-color-scheme: dark", "forced-colors: active", "prefers-reduced-motion", "@media print"]
        {
            assert!(STYLE.contains(reader), "{reader}");
        }
    }
}
