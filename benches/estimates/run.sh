#!/usr/bin/env bash
# Our estimates beside the peers', alternating in one run: run.sh DIR [ROUNDS] [NAME…]; DIR is filled by `peers.py gen`.
# $ESTIMATES is the built bench program (`cargo bench --profile dev --no-run --bench estimates`), $PYTHON a Python with
# lifelines, scikit-survival and xgboost. One JSON object a line.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)" folder=$1 rounds=${2:-3}
shift; shift || true
names=("$@"); [ ${#names[@]} -gt 0 ] || names=(concordance cox coxnet boosted)
export RAYON_NUM_THREADS=2
for _ in $(seq "$rounds"); do
  "$ESTIMATES" "$folder" "${names[@]}"
  "${PYTHON:-python3}" "$here/peers.py" time "$folder" "${names[@]}"
  Rscript "$here/peers.R" "$folder" "${names[@]}"
done
