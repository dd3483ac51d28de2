//! Tests of `burn-onnx-export` that need ONNX Runtime or burn's importer. They are in the folders beside this file.
