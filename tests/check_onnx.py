"""Runs the official ONNX checker, as strict as it goes, over each file named; one line a file that passes."""

import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    print("passes", path)
