use serde_json::Value;

use super::ModelView;
use super::table::{FigureTable, interval};
use crate::terms::Estimate;

/// Held-out figures of an encoder or localiser, read from its manifest as they are named there.
pub(super) fn fill(view: &mut ModelView, manifest: &Value) {
    let Some(held_out) = manifest.get("held_out") else {
        view.remarks.push(super::NO_METRICS.to_owned());
        return;
    };
    if let Some(method) = held_out.get("method").and_then(Value::as_str) {
        view.facts.push(("Evaluated by", method.to_owned()));
    }
    let mut table = FigureTable::new("Held-out figures", &["Figure", "Estimate (95 % interval)"]);
    let mut found = Vec::new();
    collect(held_out.get("figures").unwrap_or(held_out), &mut Vec::new(), &mut found);
    for (path, estimate) in found {
        table.push([path, interval(Some(&estimate))]);
    }
    view.tables.push(table);
    if let Some(limits) = manifest.pointer("/spec/limits").and_then(Value::as_array) {
        view.remarks.extend(limits.iter().filter_map(Value::as_str).map(str::to_owned));
    }
}

/// Every estimate below a value, with the words on the way to it.
fn collect(value: &Value, path: &mut Vec<String>, found: &mut Vec<(String, Estimate)>) {
    if let Ok(estimate) = serde_json::from_value::<Estimate>(value.clone()) {
        found.push((path.join(", ").replace('_', " "), estimate));
        return;
    }
    if let Value::Object(fields) = value {
        for (name, inner) in fields {
            path.push(name.clone());
            collect(inner, path, found);
            path.pop();
        }
    }
}
