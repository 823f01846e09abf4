#!/usr/bin/env bash
# Our radiomic features beside pyradiomics', alternating in one run on one core: run.sh SHARED [ROUNDS]. $RADIOMICS is the
# built bench program (`cargo bench --no-run --bench radiomics`), $PYTHON a Python with pyradiomics and scipy.
set -euo pipefail
shared=$(cd "$1" && pwd) rounds=${2:-3} folder=$(mktemp -d)
export OMP_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1
for _ in $(seq "$rounds"); do
  (cd "$shared/peers/bench" && PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-python3}" bench_radiomics.py 5 "$folder" "$folder/peer.json")
  "$RADIOMICS" "$folder" "$folder/peer.json"
done
rm -r "$folder"
