"""Offline throughput against the machine's matrix-product peak, measured in turn in one run.

The peak is ONNX Runtime's own single-precision matrix product (2048 x 2048 x 2048, the best of several rounds) on as many
threads as the model gets: the most that any graph of convolutions and dense layers could reach with these kernels. The
model's operations are counted in its graph (Conv, ConvTranspose, Gemm, MatMul: two for each multiply-add); its speed is
`kiln bench --scenario offline`, which decodes JPEG tiles too.

    python3 benches/peak.py BUNDLE [--threads 2] [--batch 32] [--rounds 3] [--kiln PATH]

Needs onnx, onnxruntime and numpy.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, shape_inference

SIDE = 2048


def session(model, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def peak_gflops(threads):
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIDE, SIDE])
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "peak", [value("a"), value("b")], [value("c")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    run = session(model, threads)
    rng = np.random.default_rng(1)
    feeds = {name: rng.random((SIDE, SIDE), dtype=np.float32) for name in "ab"}
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        run.run(None, feeds)
        times.append(time.perf_counter() - begun)
    return 2 * SIDE**3 / min(times[2:]) / 1e9


def flops_a_tile(path):
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    inferred = shape_inference.infer_shapes(model)
    shapes = {i.name: list(i.dims) for i in inferred.graph.initializer}
    for value in list(inferred.graph.value_info) + list(inferred.graph.output) + list(inferred.graph.input):
        shapes[value.name] = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
    total = 0
    for node in inferred.graph.node:
        out = math.prod(shapes.get(node.output[0], [0]))
        if node.op_type == "Conv":
            total += 2 * out * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "ConvTranspose":
            total += 2 * math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            total += 2 * out * shapes[node.input[0]][0 if transposed else -1]
    return total


def offline(kiln, library, bundle, threads, batch):
    command = [kiln, "--json", "--onnxruntime", library, "bench", bundle, "--scenario", "offline", "--precision", "fp32"]
    command += ["--batch", str(batch), "--threads", str(threads), "--seconds", "10"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return report["results"][0]["tiles_per_s"], report["verdict"], report["reasons"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kiln", default=str(pathlib.Path(__file__).parent / "../../target/release/kiln"))
    args = parser.parse_args()
    library = str(next((pathlib.Path(ort.__file__).parent / "capi").glob("libonnxruntime.so*")))
    flops = flops_a_tile(args.bundle / "model.onnx")
    ratios = []
    for _ in range(args.rounds):
        peak = peak_gflops(args.threads)
        tiles, verdict, reasons = offline(args.kiln, library, str(args.bundle), args.threads, args.batch)
        ratios.append(tiles * flops / 1e9 / peak)
        print(f"peak {peak:.0f} GFLOP/s; {tiles:.1f} tiles/s = {tiles * flops / 1e9:.0f} GFLOP/s; {ratios[-1]:.3f}; {verdict} {reasons}")
    print(json.dumps({"gflop_a_tile": flops / 1e9, "ratio": round(statistics.median(ratios), 3)}))


main()
