#!/bin/sh
# Measures `kiln score` on the tiles of a slide against the Python script beside this file, in turn, several times in one
# run: whole processes, from start to written rows. Prints every figure, the medians, and the median of the ratios of each
# round. Both use the same list of tiles, threads, batch and ONNX Runtime; Kiln also writes its heat maps and its page if
# OUTPUTS is set.
#
#   benches/slide.sh BUNDLE TILES.csv [ROUNDS]
#
# KILN     the binary to measure        (target/release/kiln)
# PYTHON   a Python with onnxruntime, openslide-python, openslide-bin and numpy (python3)
# THREADS  threads of both              (2)
# BATCH    tiles in a batch of both     (8)
# PRECISION of Kiln's graph; Python's is fp32 (fp32)
# OPTIONS  more options of `kiln score`, such as --mpp for a bundle without a resolution
set -eu
bundle=${1:?usage: slide.sh BUNDLE TILES.csv [ROUNDS]}
tiles=${2:?usage: slide.sh BUNDLE TILES.csv [ROUNDS]}
rounds=${3:-5}
here=$(dirname "$0")
. "$here/settings.sh"

# The very OpenSlide that the Python package brings.
openslide=$("$python" -c 'import glob, os, openslide_bin
print(glob.glob(os.path.join(os.path.dirname(openslide_bin.__file__), "libopenslide.so*"))[0])')

"$python" - "$scratch" "$rounds" "$kiln" "$here/score_slide.py" "$bundle" "$tiles" "$threads" "$batch" "$precision" \
    "$library" "$openslide" "${OUTPUTS:-}" "${OPTIONS:-}" <<'END'
import json, statistics, subprocess, sys, time

scratch, rounds, kiln, script, bundle, tiles, threads, batch, precision, library, openslide, outputs, options = sys.argv[1:]
count = sum(1 for _ in open(tiles)) - 1
common = ["--threads", threads, "--batch", batch]
commands = {
    "python": [sys.executable, script, bundle, tiles, *common, "--out", f"{scratch}/python.csv"],
    "kiln": [kiln, "--onnxruntime", library, "score", bundle, tiles, *common, "--openslide", openslide, "--precision",
             precision, "--out", f"{scratch}/report" if outputs else f"{scratch}/kiln.csv", *options.split()],
}
rates = {name: [] for name in commands}
for turn in range(int(rounds)):
    for name, command in commands.items():
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(f"{name}: {done.stderr or done.stdout}")
        rates[name].append(count / seconds)
    print(f"round {turn + 1}: " + ", ".join(f"{name} {values[-1]:.1f} tiles/s" for name, values in rates.items()))
ratios = [ours / theirs for ours, theirs in zip(rates["kiln"], rates["python"])]
print(json.dumps({
    "tiles": count,
    "tiles_per_s": {name: round(statistics.median(values), 1) for name, values in rates.items()},
    "ratio": round(statistics.median(ratios), 3),
    "lowest": round(min(ratios), 3),
    "highest": round(max(ratios), 3),
}))
END
