#!/bin/sh
# Exports a ResNet-18, a U-Net and a ViT-tiny with Kiln and with PyTorch, and compares their nodes and their times in
# ONNX Runtime. The first run creates a Python environment in target/ and downloads PyTorch.
#
#   benches/compare_pytorch.sh [OPTIONS]
#
# Options are those of pytorch.py: --threads 2, --batch 1,8, --pairs 15, --runs 5, --json and others; see --help.
#
# PYTHON  the Python that creates the environment (python3)
set -eu
here=$(dirname "$0")
target=${CARGO_TARGET_DIR:-$here/../../target}
environment=$target/compare-pytorch
models=$environment/models

[ -x "$environment/bin/python" ] || "${PYTHON:-python3}" -m venv "$environment"
# Pinned, because node counts depend on the versions of PyTorch and onnxscript. Offline once everything is installed.
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.9.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.31.1 numpy

# On stderr, so that stdout has only the output of --json.
cargo run --quiet --release --manifest-path "$here/../../Cargo.toml" --example architectures -- "$models" >&2
exec "$environment/bin/python" "$here/pytorch.py" "$models" "$@"
