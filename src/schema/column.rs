use serde::{Deserialize, Serialize};

/// What kind of value a column holds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A finite number within `[min, max]`, in the column's unit.
    Number {
        /// Smallest value accepted.
        min: f64,
        /// Largest value accepted.
        max: f64,
        /// Unit, as displayed.
        unit: String,
    },
    /// True or false, with the words that people use for each.
    Boolean {
        /// Label of true.
        #[serde(default = "yes")]
        true_label: String,
        /// Label of false.
        #[serde(default = "no")]
        false_label: String,
    },
    /// One of a closed list of words.
    Level {
        /// The list.
        levels: Vec<String>,
    },
    /// A short free text that groups rows (a centre, an agent): never a model input.
    Text {
        /// Longest text accepted, in characters.
        #[serde(default = "longest")]
        max_length: usize,
    },
}

/// When a value is known, measured against the treatment decision: what separates an input from an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// Before the decision: may be a model input.
    #[default]
    Before,
    /// The decision itself: the treatment chosen.
    Decision,
    /// After the decision: an outcome, or a treatment given in response to one; never a model input.
    After,
    /// Whenever it is known, it belongs to the running of the study: order, date, site. For splits and for the
    /// chance of being given a treatment; never a model input.
    Administrative,
}

fn longest() -> usize {
    64
}

fn yes() -> String {
    "yes".to_owned()
}

fn no() -> String {
    "no".to_owned()
}

/// One column of a table schema.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Column {
    /// Canonical name, as in the fused frame.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Kind, with range or levels.
    #[serde(flatten)]
    pub kind: Kind,
    /// Other names under which hospitals export it.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// Where the value comes from in the clinic.
    pub source: String,
    /// When the value is known; the table's word unless the column has its own.
    #[serde(default)]
    pub known: Option<Known>,
    /// What the levels or the definition mean, where the label is not enough.
    #[serde(default)]
    pub note: String,
}

/// A checked value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number in the column's unit.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A word of the column's list.
    Level(String),
}

impl Column {
    /// Reads one non-missing text value.
    ///
    /// # Errors
    /// The rule in words (`a number from 18 to 110 years`) when `text` breaks it.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        match &self.kind {
            Kind::Number { min, max, .. } => match text.trim().parse::<f64>() {
                Ok(number) if number >= *min && number <= *max => Ok(Value::Number(number)),
                _ => Err(self.rule()),
            },
            Kind::Boolean { .. } => match text.trim() {
                "true" => Ok(Value::Boolean(true)),
                "false" => Ok(Value::Boolean(false)),
                _ => Err(self.rule()),
            },
            Kind::Level { levels } => match levels.iter().find(|level| level.as_str() == text.trim()) {
                Some(level) => Ok(Value::Level(level.clone())),
                None => Err(self.rule()),
            },
            Kind::Text { max_length } => match text.trim() {
                "" => Err(self.rule()),
                word if word.chars().count() > *max_length => Err(self.rule()),
                word => Ok(Value::Level(word.to_owned())),
            },
        }
    }

    /// The check of [`Column::parse`] for a value that is already a number, in the column's unit.
    #[must_use]
    pub fn accepts(&self, number: f64) -> bool {
        matches!(&self.kind, Kind::Number { min, max, .. } if number >= *min && number <= *max)
    }

    /// What the column accepts, in words.
    #[must_use]
    pub fn rule(&self) -> String {
        match &self.kind {
            Kind::Number { min, max, unit } => format!("a number from {min} to {max} ({unit})"),
            Kind::Boolean { .. } => "true or false".to_owned(),
            Kind::Level { levels } => format!("one of {}", levels.join(", ")),
            Kind::Text { max_length } => format!("a text of 1 to {max_length} characters"),
        }
    }

    /// Unit for display, empty for columns without one.
    #[must_use]
    pub fn unit(&self) -> &str {
        match &self.kind {
            Kind::Number { unit, .. } => unit,
            _ => "",
        }
    }

    /// The text under which a value is shown to people, without its unit.
    #[must_use]
    pub fn display(&self, value: &Value) -> String {
        match (value, &self.kind) {
            (Value::Boolean(true), Kind::Boolean { true_label, .. }) => true_label.clone(),
            (Value::Boolean(false), Kind::Boolean { false_label, .. }) => false_label.clone(),
            (Value::Number(number), _) if number.abs() >= 1000.0 => thousands(*number),
            (Value::Number(number), _) if number.fract() == 0.0 => format!("{number:.0}"),
            (Value::Number(number), _) => format!("{number:.2}"),
            (Value::Boolean(flag), _) => flag.to_string(),
            (Value::Level(level), _) => level.clone(),
        }
    }
}

/// 15234.7 as `15 235`, with narrow no-break spaces.
fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age() -> Column {
        Column {
            name: "age_years".into(),
            label: "Age".into(),
            kind: Kind::Number { min: 18.0, max: 110.0, unit: "years".into() },
            synonyms: vec![],
            source: "test".into(),
            known: None,
            note: String::new(),
        }
    }

    #[test]
    fn numbers_outside_the_range_or_not_finite_are_refused() {
        for bad in ["17.9", "110.1", "-4", "nan", "inf", "forty", "", "1e999"] {
            assert!(age().parse(bad).is_err(), "{bad}");
        }
        assert_eq!(age().parse(" 44.5 "), Ok(Value::Number(44.5)));
    }

    #[test]
    fn large_numbers_are_grouped_by_thousands() {
        assert_eq!(age().display(&Value::Number(1_234_567.4)), "1\u{202f}234\u{202f}567");
        assert_eq!(age().display(&Value::Number(999.0)), "999");
    }
}
