//! Any bytes become records or an error; records fit the map's header, and the order of entries changes no cell.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::tables::{FhirError, FhirMap};

static MAP: OnceLock<FhirMap> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let map = MAP.get_or_init(|| {
        FhirMap::parse(include_str!("../../data-schemas/fhir/mcode.toml"), "mcode.toml").expect("the map reads")
    });
    match map.read(bytes, "fuzz") {
        Ok(read) => {
            assert_eq!(read.table.header, map.header());
            assert_eq!(read.table.n_records(), read.table.lines.len());
            if let Some(reversed) = reversed(bytes) {
                let again = map.read(&reversed, "fuzz").expect("the same entries in another order");
                assert_eq!(again.counts, read.counts);
                assert!(again.table.named_columns().eq(read.table.named_columns()));
            }
        }
        Err(FhirError::Violations(violations)) => assert!(!violations.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// The bundle with its entries in reverse; nothing for other files.
fn reversed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    value.get_mut("entry")?.as_array_mut()?.reverse();
    let text = value.to_string();
    (!text.contains("$serde_json")).then_some(text.into_bytes())
}
