#!/bin/sh
# Measures `kiln score --endpoint` against the script beside this file, which uses NVIDIA's own client, in turn, several
# times in one run, on a Triton that is running. Prints every figure and the median of the ratios of each round, and ends
# with 1 unless both give the same scores for the same tiles in the same order.
#
#   benches/endpoint.sh BUNDLE FOLDER URL MODEL [ROUNDS]
#
# KILN        the binary to measure        (target/release/kiln)
# PYTHON      a Python with tritonclient[http,grpc], Pillow and numpy (python3)
# BATCH       tiles in a batch of both     (8)
# CONCURRENCY requests on their way        (2)
set -eu
usage="usage: endpoint.sh BUNDLE FOLDER URL MODEL [ROUNDS]"
bundle=${1:?$usage}
folder=${2:?$usage}
url=${3:?$usage}
model=${4:?$usage}
rounds=${5:-5}
here=$(dirname "$0")
kiln=${KILN:-$here/../../target/release/kiln}
python=${PYTHON:-python3}
batch=${BATCH:-8}
concurrency=${CONCURRENCY:-2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rate() {
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["tiles_per_s"])'
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    theirs=$("$python" "$here/endpoint.py" "$url" "$model" "$folder" --batch "$batch" --concurrency "$concurrency" \
        --out "$scratch/python.csv" | rate)
    ours=$("$kiln" --json score "$bundle" "$folder" --endpoint "$url" --model "$model" --batch "$batch" \
        --concurrency "$concurrency" --out "$scratch/kiln.csv" 2>/dev/null | rate)
    echo "round $round: tritonclient $theirs tiles/s, kiln $ours tiles/s"
    echo "$theirs" >>"$scratch/theirs"
    echo "$ours" >>"$scratch/ours"
done

"$python" - "$scratch" <<'END'
import csv, json, statistics, sys
scratch = sys.argv[1]
theirs, ours = ([float(line) for line in open(f"{scratch}/{name}")] for name in ("theirs", "ours"))
rows = [list(csv.DictReader(open(f"{scratch}/{name}.csv"))) for name in ("python", "kiln")]
same_order = [row["path"] for row in rows[0]] == [row["path"] for row in rows[1]]
apart = max(abs(float(a["score"]) - float(b["score"])) for a, b in zip(*rows))
print(json.dumps({
    "tiles_per_s": {"tritonclient": statistics.median(theirs), "kiln": statistics.median(ours)},
    "ratio": round(statistics.median(o / t for o, t in zip(ours, theirs)), 3),
    "tiles": len(rows[1]),
    "same_order": same_order,
    "scores_apart": apart,
}))
sys.exit(0 if same_order and apart <= 1e-5 else 1)
END
