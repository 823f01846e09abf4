use std::collections::BTreeMap;

use polars::prelude::{Column as FrameColumn, DataFrame, NamedFrom, Series};
use serde_json::Value as Json;

use super::Error;
use crate::schema::{Dictionary, Kind, Value, Violation};

/// Reads patients from JSON: one object, an array of objects, or one object per line; keys are columns of the dictionary.
///
/// `patient_id` and `visit` are optional (`json:1`, `json:2`, … and `baseline`); null and absent are missing. Units are
/// the dictionary's. The frame holds `patient_id`, `visit` and the columns that occur, in the dictionary's order.
///
/// # Errors
/// [`Error::Violations`] with everything that is wrong: keys that no schema has, values of another type or outside
/// their range, objects that are none. Rows count from 1.
pub fn read_json_rows(bytes: &[u8], label: &str) -> Result<DataFrame, Error> {
    let violation = |row: usize, column: &str, rule: &str, found: String| Violation {
        file: label.to_owned(),
        row,
        column: column.to_owned(),
        rule: rule.to_owned(),
        found,
    };
    let mut violations = Vec::new();
    let mut objects = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Json>() {
        match value {
            Ok(Json::Array(rows)) => objects.extend(rows),
            Ok(one) => objects.push(one),
            Err(error) => {
                violations.push(violation(0, "", "JSON", error.to_string()));
                break;
            }
        }
    }
    if objects.is_empty() && violations.is_empty() {
        violations.push(violation(0, "", "at least one object", "none".to_owned()));
    }
    let mut columns: BTreeMap<&str, Vec<Option<Value>>> = BTreeMap::new();
    let (mut patients, mut visits) = (Vec::new(), Vec::new());
    for (at, object) in objects.iter().enumerate() {
        let row = at + 1;
        let Json::Object(fields) = object else {
            violations.push(violation(row, "", "an object of columns", kind_of(object).to_owned()));
            continue;
        };
        let text = |key: &str| fields.get(key).and_then(Json::as_str).map(str::to_owned);
        patients.push(text("patient_id").filter(|id| id.contains(':')).unwrap_or_else(|| format!("json:{row}")));
        visits.push(text("visit").unwrap_or_else(|| "baseline".to_owned()));
        for (key, value) in fields.iter().filter(|(key, _)| *key != "patient_id" && *key != "visit") {
            let Some(column) = Dictionary::compiled().column(key) else {
                violations.push(violation(row, key, "a column of the dictionary", "no such column".to_owned()));
                continue;
            };
            let read = match (value, &column.kind) {
                (Json::Null, _) => Ok(None),
                (Json::Bool(flag), Kind::Boolean { .. }) => Ok(Some(Value::Boolean(*flag))),
                (Json::Number(number), Kind::Number { .. }) => number
                    .as_f64()
                    .filter(|number| column.accepts(*number))
                    .map(|number| Some(Value::Number(number)))
                    .ok_or(()),
                (Json::String(word), Kind::Level { .. } | Kind::Text { .. }) => {
                    column.parse(word).map(Some).map_err(|_| ())
                }
                _ => Err(()),
            };
            match read {
                Ok(value) => {
                    let cells = columns.entry(column.name.as_str()).or_default();
                    cells.resize(at, None);
                    cells.push(value);
                }
                Err(()) => violations.push(violation(row, key, &column.rule(), shown(value))),
            }
        }
    }
    if !violations.is_empty() {
        return Err(Error::Violations(violations));
    }
    let n_rows = patients.len();
    let mut frame: Vec<FrameColumn> =
        vec![Series::new("patient_id".into(), patients).into(), Series::new("visit".into(), visits).into()];
    for (_, column) in Dictionary::compiled().columns() {
        let Some(mut cells) = columns.remove(column.name.as_str()) else { continue };
        cells.resize(n_rows, None);
        let name = column.name.as_str().into();
        frame.push(
            match column.kind {
                Kind::Number { .. } => {
                    Series::new(name, each(&cells, |value| if let Value::Number(n) = value { Some(*n) } else { None }))
                }
                Kind::Boolean { .. } => {
                    Series::new(name, each(&cells, |value| if let Value::Boolean(b) = value { Some(*b) } else { None }))
                }
                Kind::Level { .. } | Kind::Text { .. } => Series::new(
                    name,
                    each(&cells, |value| if let Value::Level(word) = value { Some(word.clone()) } else { None }),
                ),
            }
            .into(),
        );
    }
    Ok(DataFrame::new(n_rows, frame)?)
}

fn each<T>(cells: &[Option<Value>], pick: impl Fn(&Value) -> Option<T>) -> Vec<Option<T>> {
    cells.iter().map(|cell| cell.as_ref().and_then(&pick)).collect()
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Array(_) | Json::Object(_) => kind_of(value).to_owned(),
        scalar => format!("`{scalar}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_an_array_and_lines_give_the_same_rows() {
        let one = r#"{"age_years": 51, "hr": true, "menopause": null, "er": "low_positive"}"#;
        let object = read_json_rows(one.as_bytes(), "p.json").unwrap();
        assert_eq!(object.get_column_names(), ["patient_id", "visit", "age_years", "menopause", "hr", "er"]);
        assert_eq!(object.column("age_years").unwrap().f64().unwrap().get(0), Some(51.0));
        assert_eq!(object.column("menopause").unwrap().null_count(), 1);
        let two = format!("[{one}, {{\"age_years\": 40}}]");
        let lines = format!("{one}\n{{\"age_years\": 40}}\n");
        let array = read_json_rows(two.as_bytes(), "p.json").unwrap();
        assert!(array.equals_missing(&read_json_rows(lines.as_bytes(), "p.json").unwrap()));
        assert_eq!((array.height(), array.column("hr").unwrap().null_count()), (2, 1));
    }

    #[test]
    fn everything_that_is_wrong_is_listed() {
        let text = r#"[{"age_years": 5, "aeg": 3}, 7, {"hr": "yes", "er": "Positive", "grade": [3]}]"#;
        let Err(Error::Violations(found)) = read_json_rows(text.as_bytes(), "p.json") else { panic!("violations") };
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "p.json, row 1, column `aeg`: expected a column of the dictionary, found no such column",
                "p.json, row 1, column `age_years`: expected a number from 18 to 110 (years), found `5`",
                "p.json, row 2: expected an object of columns, found a number",
                "p.json, row 3, column `er`: expected one of positive, low_positive, negative, equivocal, found `\"Positive\"`",
                "p.json, row 3, column `grade`: expected a number from 1 to 3 (grade), found an array",
                "p.json, row 3, column `hr`: expected true or false, found `\"yes\"`",
            ]
        );
        assert!(read_json_rows(b"{\"age_years\": ", "p.json").is_err());
        assert!(read_json_rows(b"", "p.json").is_err());
    }
}
