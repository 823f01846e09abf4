#!/usr/bin/env bash
# regimen beside polars-python and DuckDB on the same files, alternating: run.sh N DIR REPEATS. Needs python3 with polars, duckdb, pyarrow, numpy.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"; n=$1 dir=$2 repeats=${3:-3} bin="${REGIMEN_BIN:-${CARGO_TARGET_DIR:-target}/debug/regimen}"
[ -e "$dir/embeddings.parquet" ] || python3 "$here/gen.py" "$n" "$dir"
for _ in $(seq "$repeats"); do
  python3 - "$bin" "$here" "$dir" <<'PY'
import json, os, resource, subprocess, sys, time
b, here, d = sys.argv[1:]
[os.remove(f) for f in [f"{d}/out_regimen.arrow"] if os.path.exists(f)]
t = time.perf_counter()
p = subprocess.run([b, "fuse", f"{here}/cohort.toml", "--data", d, "--recipe", f"{here}/recipe.toml", "--out", f"{d}/out_regimen.arrow", "--threads", "2", "--json", f"{d}/out_regimen.json"], stdout=subprocess.DEVNULL)
r = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"lib": "regimen", "threads": 2, "wall_s": round(time.perf_counter() - t, 2), "cpu_s": round(r.ru_utime + r.ru_stime, 2), "peak_mib": r.ru_maxrss >> 10, "rc": p.returncode}), flush=True)
PY
  for lib in ${PEERS:-polars-eager polars-streaming duckdb}; do
    python3 "$here/peers.py" "$lib" 2 "$dir" || echo "{\"lib\": \"$lib\", \"failed\": $?}"
    [ "$lib" = polars-eager ] && python3 "$here/compare.py" "$dir/out_regimen.arrow" "$dir/out_$lib.arrow"
    rm -f "$dir/out_$lib.arrow"
  done
done
