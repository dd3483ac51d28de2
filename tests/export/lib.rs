//! Tests of `burn-onnx-export` that need ONNX Runtime or burn's importer: see the folders beside this file.
