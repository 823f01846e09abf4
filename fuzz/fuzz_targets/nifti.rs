//! Any bytes become a NIfTI image or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::imaging::decode_nifti;

fuzz_target!(|bytes: &[u8]| match decode_nifti(bytes) {
    Ok(image) => {
        let _ = image.axis_codes();
        assert_eq!(image.voxels.len(), image.volumes * image.shape.iter().product::<usize>() * image.channels);
        assert!(image.spacing_mm.iter().all(|side| *side > 0.0));
    }
    Err(error) => assert!(!error.to_string().is_empty()),
});
