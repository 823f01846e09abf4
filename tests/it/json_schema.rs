//! A small JSON Schema validator: the keywords that data-schemas/assessment.schema.json uses, and no others.

use serde_json::Value;

/// Every place in `value` that breaks `schema`, as `path: what is wrong`.
///
/// # Panics
/// On a keyword that it does not know, so that no rule is silently skipped.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "required" | "additionalProperties" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|name| name.strip_prefix("#/$defs/")).expect("a local reference");
                check(root, &root["$defs"][name], value, path, found);
            }
            "type" => {
                let kinds: Vec<&str> = match rule {
                    Value::String(kind) => vec![kind],
                    Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                    _ => panic!("type is a name or a list"),
                };
                if !kinds.iter().any(|kind| is(value, kind)) {
                    found.push(format!("{path}: expected {}, found {value:.60}", kinds.join(" or ")));
                }
            }
            "enum" => {
                if !rule.as_array().expect("a list").contains(value) {
                    found.push(format!("{path}: expected one of {rule}, found {value}"));
                }
            }
            "minimum" | "maximum" => {
                let (limit, number) = (rule.as_f64().expect("a number"), value.as_f64());
                if number.is_some_and(|number| if keyword == "minimum" { number < limit } else { number > limit }) {
                    found.push(format!("{path}: expected {keyword} {limit}, found {value}"));
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}[{at}]"), found);
                }
            }
            "anyOf" => {
                let fits = |choice: &Value| {
                    let mut wrong = Vec::new();
                    check(root, choice, value, path, &mut wrong);
                    wrong.is_empty()
                };
                if !rule.as_array().expect("a list").iter().any(fits) {
                    found.push(format!("{path}: fits none of the choices"));
                }
            }
            "properties" => properties(root, schema, rule, value, path, found),
            other => panic!("the validator does not know `{other}`"),
        }
    }
}

fn properties(root: &Value, schema: &Value, rules: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    for (key, member) in object {
        match rules.get(key) {
            Some(rule) => check(root, rule, member, &format!("{path}.{key}"), found),
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                found.push(format!("{path}: unexpected key `{key}`"));
            }
            None => {}
        }
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(key) {
            found.push(format!("{path}: no key `{key}`"));
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("no such type: {other}"),
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let schema = serde_json::json!({
        "$defs": { "share": { "type": "number", "minimum": 0, "maximum": 1 } },
        "type": "object", "additionalProperties": false, "required": ["p", "name"],
        "properties": {
            "p": { "$ref": "#/$defs/share" },
            "name": { "enum": ["a", "b"] },
            "list": { "type": "array", "items": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/share" }] } }
        }
    });
    assert!(violations(&schema, &serde_json::json!({ "p": 0.5, "name": "a", "list": [null, 1] })).is_empty());
    let wrong = violations(&schema, &serde_json::json!({ "p": 1.5, "list": ["x"], "more": 1 }));
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}
