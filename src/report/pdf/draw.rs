/// A colour by its meaning, as in the style sheet of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Soft,
    Rule,
    Faint,
    Lead,
    Seen,
    Other,
    Good,
    Warn,
    Stop,
    Banner,
    White,
}

impl Ink {
    /// Red, green, blue.
    pub(super) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Text => [0x17, 0x21, 0x2b],
            Self::Soft => [0x4a, 0x57, 0x63],
            Self::Rule => [0xc6, 0xcf, 0xd7],
            Self::Faint => [0xee, 0xf2, 0xf5],
            Self::Lead => [0x16, 0x49, 0x7c],
            Self::Seen => [0x8a, 0x4b, 0x08],
            Self::Other => [0x5a, 0x4a, 0x78],
            Self::Good => [0x1b, 0x63, 0x42],
            Self::Warn => [0x7a, 0x4d, 0x00],
            Self::Stop => [0x9b, 0x1c, 0x1c],
            Self::Banner => [0xff, 0xf1, 0xb8],
            Self::White => [0xff, 0xff, 0xff],
        }
    }
}

/// The form of a point, so that marks differ without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Square,
    Diamond,
    Triangle,
    Circle,
}

/// One stroke of the pen; coordinates in points from the left of the page and the top of its piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// Text on one line; `y` is its baseline.
    Text { x: f32, y: f32, size: f32, bold: bool, ink: Ink, text: String },
    /// A filled rectangle.
    Fill { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    /// The outline of a rectangle.
    Frame { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    /// A straight line.
    Line { from: (f32, f32), to: (f32, f32), width: f32, ink: Ink, dashed: bool },
    /// A point, filled or hollow.
    Mark { shape: Shape, at: (f32, f32), radius: f32, ink: Ink, filled: bool },
}

impl Op {
    /// The same stroke, moved.
    pub(super) fn moved(mut self, right: f32, down: f32) -> Self {
        match &mut self {
            Self::Text { x, y, .. } | Self::Fill { x, y, .. } | Self::Frame { x, y, .. } => {
                *x += right;
                *y += down;
            }
            Self::Line { from, to, .. } => {
                for point in [from, to] {
                    point.0 += right;
                    point.1 += down;
                }
            }
            Self::Mark { at, .. } => {
                at.0 += right;
                at.1 += down;
            }
        }
        self
    }
}

/// A thin line in the colour of rules.
pub(super) fn rule(from: (f32, f32), to: (f32, f32)) -> Op {
    Op::Line { from, to, width: 0.5, ink: Ink::Rule, dashed: false }
}
