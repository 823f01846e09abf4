//! Any bytes become a PNG or PGM raster, with its marks and colours, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::imaging::{colour_fraction, decode_pgm, decode_png, detect_overlay};

fuzz_target!(|bytes: &[u8]| for decoded in [decode_pgm(bytes), decode_png(bytes)] {
    match decoded {
        Ok((raster, bits)) => {
            assert!(matches!(bits, 8 | 16) && raster.pixels.len() == raster.rows * raster.columns * raster.channels);
            if raster.pixels.len() < 1 << 16 {
                assert_eq!(detect_overlay(&raster).mask.len(), raster.rows * raster.columns);
                assert!(colour_fraction(&raster) >= 0.0);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
