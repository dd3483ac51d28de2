#!/bin/sh
# Measures `kiln score` against the Python script beside this file, in turn, several times in one run, and prints every
# figure, the medians and the median of the ratios of each round. Both use the same bundle, folder, threads, batch and
# ONNX Runtime.
#
#   benches/compare.sh BUNDLE FOLDER [ROUNDS]
#
# KILN     the binary to measure        (target/release/kiln)
# PYTHON   a Python with onnxruntime, Pillow and numpy (python3)
# THREADS  threads of both              (2)
# BATCH    tiles in a batch of both     (8)
# PRECISION of Kiln's graph; Python's is fp32 (fp32)
set -eu
bundle=${1:?usage: compare.sh BUNDLE FOLDER [ROUNDS]}
folder=${2:?usage: compare.sh BUNDLE FOLDER [ROUNDS]}
rounds=${3:-5}
here=$(dirname "$0")
. "$here/settings.sh"

rate() {
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["tiles_per_s"])'
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    python_rate=$("$python" "$here/score_tiles.py" "$bundle" "$folder" --threads "$threads" --batch "$batch" \
        --out "$scratch/python.csv" | rate)
    kiln_rate=$("$kiln" --json --onnxruntime "$library" score "$bundle" "$folder" --threads "$threads" --batch "$batch" \
        --precision "$precision" --out "$scratch/kiln.csv" 2>/dev/null | rate)
    echo "round $round: python $python_rate tiles/s, kiln $kiln_rate tiles/s"
    echo "$python_rate" >>"$scratch/python"
    echo "$kiln_rate" >>"$scratch/kiln"
done

"$python" - "$scratch/python" "$scratch/kiln" <<'END'
import json, statistics, sys
python, kiln = ([float(line) for line in open(path)] for path in sys.argv[1:])
medians = {"python": statistics.median(python), "kiln": statistics.median(kiln)}
ratio = statistics.median(ours / theirs for ours, theirs in zip(kiln, python))
print(json.dumps({"tiles_per_s": medians, "ratio": round(ratio, 3)}))
END
