# Everything that the test command of README runs
check:
    bash .ci/test

# The whole path on synthetic patients, then the server
demo:
    cargo run -- demo

# Rerun the reference programs behind the parity tests
reference:
    cd tests/reference && for f in *.py; do python3 "$f"; done
    cd tests/reference && for f in [a-r]*.R st*.R survival_c*.R; do Rscript "$f"; done
    cd tests/reference && Rscript survival_forest.R > survival_forest.json

# Time and peak memory of each stage
bench:
    cargo build
    "${CARGO_TARGET_DIR:-target}"/debug/regimen demo --no-serve --out "$(mktemp -d)/demo"
