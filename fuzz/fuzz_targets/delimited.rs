//! Any bytes become blocks or violations; every record has a cell per column and line numbers rise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regimen_fuzz::tables::{DelimitedReader, Layout};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let layout = Layout {
        separator: if first & 1 == 0 { ',' } else { '\t' },
        header_record: usize::from(first >> 1 & 3) + 1,
        skip_records: usize::from(first >> 3 & 3),
        repeated_names: first & 32 != 0,
    };
    let Ok(mut reader) = DelimitedReader::new(rest, "fuzz", &layout) else { return };
    let mut violations = Vec::new();
    let mut last = 0;
    while let Some(block) = reader.next_block(&mut violations) {
        assert_eq!(block.header, reader.header());
        for line in &block.lines {
            assert!(*line >= last);
            last = *line;
        }
        for (_, column) in block.named_columns() {
            assert_eq!(column.iter().count(), block.n_records());
        }
    }
});
