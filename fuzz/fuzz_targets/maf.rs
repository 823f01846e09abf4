//! Any bytes become variants or an error whose text names no sample.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::genomics::Variants;

fuzz_target!(|bytes: &[u8]| match Variants::read(bytes, "fuzz") {
    Ok(variants) => {
        let _ = variants.hrd_flags();
        let _ = format!("{variants:?}");
    }
    Err(error) => assert!(!error.to_string().is_empty()),
});
