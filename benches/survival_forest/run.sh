#!/usr/bin/env bash
# Our survival forest beside ranger's, alternating: run.sh DATASET [REPEATS] [N_TREES]. $FOREST is the built bench program
# (`cargo bench --profile dev --no-run --bench survival_forest`). Both grow N_TREES (500) with 15 rows to a node on two threads and
# predict out of bag; `process` is wall and CPU time of our whole process, reading and predicting included.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)" dataset=$1 repeats=${2:-3} n_trees=${3:-500}
export RAYON_NUM_THREADS=2 TIMEFORMAT='  process wall_s %R user_s %U'
for _ in $(seq "$repeats"); do
  time "$FOREST" time "$dataset" "{\"n_trees\": $n_trees}"
  Rscript "$here/ranger.R" "$dataset" 2 "$n_trees"
done
