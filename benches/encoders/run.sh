#!/usr/bin/env bash
# Encoders against PyTorch eager, ONNX Runtime and candle's own layers, alternating on this machine.
#
# usage: benches/encoders/run.sh ENCODERS_BINARY PYTHON PEERS_DIR OUT_DIR [MODELS] [BATCHES] [THREADS] [ROUNDS]
#   ENCODERS_BINARY  `cargo bench --bench encoders --no-run` prints where it is
#   PYTHON           an interpreter with torch, torchvision, timm, onnx, onnxruntime
#   PEERS_DIR        the folder with bench_encoders.py and common.py
# Wall times are least times over all rounds; on a busy machine only the seconds of one thread on a core (cpu) compare.
set -eu
binary=$1 python=$2 peers=$3 out=$4
models=${5:-"resnet18 resnet50 mobilenet_v2"} batches=${6:-"1 16"} threads=${7:-"1 2"} rounds=${8:-3}
mkdir -p "$out"
sed 's/NAMES = {/NAMES = {"mobilenet_v2": "mobilenetv2_100", "efficientnet_b0": "efficientnet_b0", /' \
    "$peers/bench_encoders.py" > "$out/bench_encoders.py"
cp "$peers/common.py" "$out/"
for model in $models; do for batch in $batches; do for thread in $threads; do for round in $(seq "$rounds"); do
    repeat=$((batch > 1 ? 3 : 12))
    name="$model-b$batch-t$thread-r$round"
    ours=$model theirs=$model
    [ "$model" = vit_small ] && ours=vit_small_patch16
    "$binary" ours "$ours" "$batch" "$thread" "$repeat" "$out/ours-$name.json" > "$out/log" 2>&1
    [ "$round" = 1 ] && "$binary" candle "$ours" "$batch" "$thread" 2 "$out/candle-$name.json" > "$out/log" 2>&1
    for backend in onnx eager; do
        (cd "$out" && "$python" bench_encoders.py $backend "$theirs" "$batch" "$thread" "$repeat" "$out/$backend-$name.json" "$out") > "$out/log" 2>&1
    done
done; done; done; done
"$python" - "$out" <<'PY'
import glob, json, os, re, sys
best, memory = {}, {}
for path in glob.glob(os.path.join(sys.argv[1], "*-r*.json")):
    backend, model, batch, threads, _ = re.match(r"(\w+)-(\w+)-b(\d+)-t(\d+)-r(\d+)", os.path.basename(path)).groups()
    result = json.load(open(path))
    if "time" not in result:
        print(path, result.get("error")); continue
    key = (model, int(batch), int(threads))
    for kind, name in (("min_s", "wall"), ("cpu_s", "cpu")):
        seconds = result["time"][kind] / int(batch)
        place = best.setdefault(key, {}).setdefault(backend, {})
        place[name] = min(place.get(name, 1e9), seconds)
    memory[key + (backend,)] = max(memory.get(key + (backend,), 0), result["peak_rss_mb"])
print("milliseconds per image, least wall (cpu); ratios of ours to the others by wall, by cpu where one thread; MB at peak")
for key, found in sorted(best.items()):
    line = "%-14s batch %2d threads %d " % key
    for backend in ("ours", "onnx", "eager", "candle"):
        if backend in found:
            line += " %s %.2f (%.2f)" % (backend, 1e3 * found[backend]["wall"], 1e3 * found[backend]["cpu"])
    for peer in ("onnx", "eager"):
        if peer in found and "ours" in found:
            line += "  /%s %.2f" % (peer, found["ours"]["wall"] / found[peer]["wall"])
            if key[2] == 1:
                line += " (%.2f)" % (found["ours"]["cpu"] / found[peer]["cpu"])
    print(line + "  %.0f MB" % memory.get(key + ("ours",), 0), flush=True)
PY
