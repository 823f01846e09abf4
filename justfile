# Everything that the test command of README runs
check:
    bash .ci/test

# The whole path on synthetic patients, then the server
demo:
    cargo run -- demo

# Rerun the reference programs behind the parity tests
reference:
    python3 tests/reference/stats_binary.py
    python3 tests/reference/components.py
    python3 tests/reference/signatures.py
    Rscript tests/reference/stats_delong.R

# Time and peak memory of each stage
bench:
    cargo build
    "${CARGO_TARGET_DIR:-target}"/debug/regimen demo --no-serve --out "$(mktemp -d)/demo"
