use super::Error;
use super::attributes::Attributes;
use super::lookup::LookupTable;

/// How modality values become grey values on 0..=255.
pub(super) enum ValueOfInterest {
    Table(LookupTable),
    Window(Window),
}

impl ValueOfInterest {
    /// The first VOI LUT of a frame, else its first window; `None` when it has neither.
    ///
    /// # Source
    /// PS3.3 C.11.2.1: of several, and of both kinds, a display may choose; the table is what the maker drew.
    pub fn read<'a>(frame: &impl Attributes<'a>, signed: bool) -> Result<Option<Self>, Error> {
        match frame.items("VOILUTSequence").first() {
            Some(item) => {
                LookupTable::read(item, "LUTDescriptor", "LUTData", signed).map(|table| Some(Self::Table(table)))
            }
            None => Ok(Window::read(frame)?.map(Self::Window)),
        }
    }

    /// A modality value on 0..=255.
    pub fn apply(&self, value: f64) -> f64 {
        match self {
            Self::Table(table) => 255.0 * (table.at(value) / table.top()).min(1.0),
            Self::Window(window) => window.apply(value),
        }
    }
}

/// A value-of-interest window.
pub(super) struct Window {
    centre: f64,
    width: f64,
    function: Function,
}

#[derive(Clone, Copy, PartialEq)]
enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

impl Window {
    fn read<'a>(file: &impl Attributes<'a>) -> Result<Option<Self>, Error> {
        let (Some(centre), Some(width)) = (file.number("WindowCenter")?, file.number("WindowWidth")?) else {
            return Ok(None);
        };
        let function = match file.text("VOILUTFunction")?.as_deref() {
            None | Some("LINEAR") => Function::Linear,
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            Some(other) => {
                return Err(Error::Malformed {
                    attribute: "VOILUTFunction",
                    expected: "LINEAR, LINEAR_EXACT or SIGMOID",
                    found: other.chars().take(40).collect(),
                });
            }
        };
        let narrow = if function == Function::Linear { width < 1.0 } else { width <= 0.0 };
        if narrow {
            return Err(Error::Malformed {
                attribute: "WindowWidth",
                expected: "at least 1, or above 0 for LINEAR_EXACT and SIGMOID",
                found: width.to_string(),
            });
        }
        Ok(Some(Self { centre, width, function }))
    }

    /// A modality value on 0..=255 (PS3.3 C.11.2.1.2 and C.11.2.1.3).
    fn apply(&self, value: f64) -> f64 {
        let part = match self.function {
            // A width of one is a threshold: the slope below is then infinite.
            Function::Linear => (value - (self.centre - 0.5)) / (self.width - 1.0).max(1e-9) + 0.5,
            Function::LinearExact => (value - self.centre) / self.width + 0.5,
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.centre) / self.width).exp()),
        };
        255.0 * part.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pencil, on the formulas of C.11.2.1.2 and C.11.2.1.3.
    #[test]
    fn the_three_functions_differ_where_the_standard_says_so() {
        let shown = |function, value: f64| Window { centre: 100.0, width: 40.0, function }.apply(value);
        // LINEAR: (110 − 99.5) / 39 + 0.5; full at 99.5 + 19.5.
        assert!((shown(Function::Linear, 110.0) - 255.0 * (10.5 / 39.0 + 0.5)).abs() < 1e-9);
        assert_eq!((shown(Function::Linear, 80.0), shown(Function::Linear, 119.0)), (0.0, 255.0));
        assert_eq!((shown(Function::LinearExact, 100.0), shown(Function::LinearExact, 110.0)), (127.5, 191.25));
        // SIGMOID, a quarter of the width above the centre: 1 / (1 + 1/e).
        assert!((shown(Function::Sigmoid, 110.0) - 255.0 * 0.731_058_578_630_004_9).abs() < 1e-9);
    }
}
