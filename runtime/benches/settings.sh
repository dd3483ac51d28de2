# Settings of compare.sh and slide.sh from the environment, a folder that is removed in the end, and ONNX Runtime's library.
# Sourced with `here`, the folder of these files.
kiln=${KILN:-$here/../../target/release/kiln}
python=${PYTHON:-python3}
threads=${THREADS:-2}
batch=${BATCH:-8}
precision=${PRECISION:-fp32}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The very library that the Python package brings, so that both run the same kernels.
library=$("$python" -c 'import glob, os, onnxruntime
print(glob.glob(os.path.join(os.path.dirname(onnxruntime.__file__), "capi", "libonnxruntime.so*"))[0])')
