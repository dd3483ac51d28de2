#!/usr/bin/env python3
"""Compares Kiln's exporter with PyTorch's on the same architectures: a ResNet-18, a U-Net and a ViT-tiny.

Both write the networks with a symbolic batch. Compared are the numbers of nodes, and the times of ONNX Runtime on the
CPU, with both models in one process and run in turn. The networks here are those in `architectures/`; change
them together. Weights are random on both sides: neither nodes nor times depend on them.

    python3 pytorch.py FOLDER [--threads 2] [--batch 1,8] [--pairs 15] [--runs 5] [--json]

FOLDER contains the files of `cargo run --release --example architectures -- FOLDER`. Exit status: 0
done, 1 if Kiln has more nodes than PyTorch or a file fails the checker, 2 if the files are missing or contain other
networks.

Needs: torch, onnx, onnxscript, onnxruntime, numpy.
"""

import argparse
import collections
import json
import logging
import math
import pathlib
import statistics
import sys
import tempfile
import time

import numpy
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + identity)


class ResNet(nn.Module):
    """ResNet-18 in torchvision's layout."""

    def __init__(self, classes=1000, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self.stage(width, width, 1)
        self.layer2 = self.stage(width, 2 * width, 2)
        self.layer3 = self.stage(2 * width, 4 * width, 2)
        self.layer4 = self.stage(4 * width, 8 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, classes)

    @staticmethod
    def stage(inputs, outputs, stride):
        return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))

    def forward(self, image):
        x = self.maxpool(functional.relu(self.bn1(self.conv1(image))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class DoubleConv(nn.Sequential):
    """Twice a 3x3 convolution, batch normalisation and ReLU."""

    def __init__(self, inputs, outputs):
        super().__init__(*self.single(inputs, outputs), *self.single(outputs, outputs))

    @staticmethod
    def single(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


class Level(nn.Module):
    """One step up: twice the side, concatenated with the skip connection, then a double convolution."""

    def __init__(self, inputs, outputs, learnt):
        super().__init__()
        if learnt:
            self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        else:
            self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inputs, outputs, 1))
        self.convs = DoubleConv(2 * outputs, outputs)

    def forward(self, x, skip):
        return self.convs(torch.cat([self.up(x), skip], dim=1))


class UNet(nn.Module):
    """A U-Net whose even levels upsample by a transposed convolution, the others by repeating pixels."""

    def __init__(self, widths=(32, 64, 128, 256)):
        super().__init__()
        steps = list(zip((3, *widths), widths))
        self.down = nn.ModuleList(DoubleConv(*step) for step in steps)
        self.pool = nn.MaxPool2d(2)
        levels = reversed(list(enumerate(zip(widths, widths[1:]))))
        self.up = nn.ModuleList(Level(deep, shallow, number % 2 == 0) for number, (shallow, deep) in levels)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, image):
        skips = [self.down[0](image)]
        for down in self.down[1:]:
            skips.append(down(self.pool(skips[-1])))
        x = skips.pop()
        for up in self.up:
            x = up(x, skips.pop())
        return self.head(x)


class Attention(nn.Module):
    """Self-attention with a dense layer each for query, key, value and result."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        def split(projected):
            return projected.unflatten(2, (self.heads, -1)).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        context = functional.scaled_dot_product_attention(query, key, value)
        return self.output(context.transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    """A transformer block that normalises before it attends and before its dense layers."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """A vision transformer in timm's layout."""

    def __init__(self, image=224, patch=16, width=192, depth=12, heads=3, hidden=768, classes=1000):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (image // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Encoder(width, heads, hidden) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, image):
        patches = self.patches(image).flatten(2).transpose(1, 2)
        token = self.token.expand(image.shape[0], -1, -1)
        x = torch.cat([token, patches], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


# File name without its ending, network, side of the image.
ARCHITECTURES = [("resnet18", ResNet, 224), ("unet", UNet, 256), ("vit_tiny", Vit, 224)]


def as_if_trained(module):
    """Randomises the statistics of batch normalisation: fresh ones fold to a bias of zeros, which disappears."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values, low, high in [(layer.weight, 0.5, 1.5), (layer.running_var, 0.5, 1.5), (layer.bias, -0.1, 0.1)]:
                nn.init.uniform_(values, low, high)
    return module.eval()


def opset_of(path):
    """The opset of a file."""
    imports = onnx.load(path, load_external_data=False).opset_import
    return next(one.version for one in imports if one.domain in ("", "ai.onnx"))


def export(module, side, path, opset):
    """Writes a module with a symbolic batch."""
    torch.onnx.export(
        module,
        (torch.zeros(2, 3, side, side),),
        path,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=opset,
        input_names=["image"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )


def nodes(graph):
    """Every node, including nested graphs. Constants count as initializers, as most writers emit them."""
    for node in graph.node:
        if node.op_type != "Constant":
            yield node
        for attribute in node.attribute:
            for nested in [attribute.g, *attribute.graphs]:
                yield from nodes(nested)


def describe(path):
    """The content of one file: nodes by operator, weights, and the result of the official checker."""
    model = onnx.load(path)
    model = onnx.inliner.inline_local_functions(model) if model.functions else model
    try:
        onnx.checker.check_model(str(path), full_check=True)
        problem = None
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        problem = str(error)
    operators = collections.Counter(node.op_type for node in nodes(model.graph))
    # Kernels and matrices only: a folded normalisation changes the number of vectors, but no kernel's size.
    shapes = [tensor.dims for tensor in model.graph.initializer]
    weights = sum(math.prod(dims) for dims in shapes if sum(size > 1 for size in dims) > 1)
    return {"nodes": operators.total(), "operators": dict(operators), "weights": weights, "problem": problem}


def differing(ours, theirs):
    """Operators whose numbers of nodes differ, with both numbers."""
    names = sorted(ours["operators"].keys() | theirs["operators"].keys())
    pairs = {name: [side["operators"].get(name, 0) for side in (ours, theirs)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Otherwise the workers of one session still spin while the other is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def milliseconds(session, feed, runs):
    """The median of several runs in a row."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def measure(paths, side, batch, arguments):
    """Times of both files in turn. The ratio is taken within each pair, so that a slow phase of the machine affects both."""
    pixels = numpy.random.default_rng(0).random((batch, 3, side, side), numpy.float32)
    sessions = [session(path, arguments.threads) for path in paths]
    feeds = [{one.get_inputs()[0].name: pixels} for one in sessions]
    both = list(zip(sessions, feeds))
    for one, feed in both:
        milliseconds(one, feed, arguments.runs)
    pairs = [[milliseconds(one, feed, arguments.runs) for one, feed in both] for _ in range(arguments.pairs)]
    ratios = [ours / theirs for ours, theirs in pairs]
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    return {
        "batch": batch,
        "kiln_ms": round(ours, 3),
        "pytorch_ms": round(theirs, 3),
        "ratio": {
            "median": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3),
            "max": round(max(ratios), 3),
        },
    }


def compare(name, network, side, folder, default, arguments):
    """One architecture: both exports described, then timed."""
    kiln, pytorch = arguments.folder / f"{name}.onnx", folder / f"{name}_opset{arguments.opset}.onnx"
    module = as_if_trained(network())
    export(module, side, pytorch, arguments.opset)
    found = {"name": name, "kiln": describe(kiln), "pytorch": describe(pytorch)}
    if default != arguments.opset:
        newer = folder / f"{name}_opset{default}.onnx"
        export(module, side, newer, default)
        found["pytorch_default_opset"] = describe(newer)
    found["operators_that_differ"] = differing(found["kiln"], found["pytorch"])
    found["same_weights"] = found["kiln"]["weights"] == found["pytorch"]["weights"]
    if found["same_weights"]:
        found["times"] = [measure([kiln, pytorch], side, batch, arguments) for batch in arguments.batch]
    return found


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def show(report):
    """The report as markdown."""
    tools, found = report["tools"], report["architectures"]
    default = report["default_opset"]
    columns = ["kiln", "pytorch"] + ["pytorch_default_opset"] * (default != report["opset"])
    titles = ["Kiln", f"PyTorch, opset {report['opset']}", f"PyTorch, opset {default} (its default)"]
    runtime = f"ONNX Runtime {tools['onnxruntime']} on the CPU, {report['threads']} threads"
    print(f"Kiln and PyTorch {tools['torch']}, {runtime}\n")
    print("Nodes:\n")
    rows = [[one["name"], *(one[column]["nodes"] for column in columns)] for one in found]
    print(table(["architecture", *titles[: len(columns)]], rows))
    rows = [[one["name"], key, *pair] for one in found for key, pair in one["operators_that_differ"].items()]
    if rows:
        print("\nOperators that differ:\n")
        print(table(["architecture", "operator", *titles[:2]], rows))
    print(f"\nTimes, medians of {report['pairs']} pairs; the ratio is Kiln's time over PyTorch's, within each pair:\n")
    rows = []
    for one in found:
        for timed in one.get("times", []):
            ratio = timed["ratio"]
            rows.append([one["name"], timed["batch"], timed["kiln_ms"], timed["pytorch_ms"], *ratio.values()])
    print(table(["architecture", "batch", "Kiln, ms", "PyTorch, ms", "ratio", "lowest", "highest"], rows))


def judge(found):
    """Prints the problems and returns the exit status."""
    status = 0
    for one in found:
        name, ours, theirs = one["name"], one["kiln"], one["pytorch"]
        for who in ("kiln", "pytorch"):
            if one[who]["problem"]:
                print(f"{name}: the checker refuses the file of {who}: {one[who]['problem']}", file=sys.stderr)
                status = max(status, 1)
        if ours["nodes"] > theirs["nodes"]:
            print(f"{name}: Kiln has {ours['nodes']} nodes, PyTorch {theirs['nodes']}", file=sys.stderr)
            status = max(status, 1)
        if not one["same_weights"]:
            sizes = f"{ours['weights']} and {theirs['weights']} weights"
            print(f"{name}: kernels and matrices have {sizes}, so these are different networks", file=sys.stderr)
            status = 2
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="Kiln's files")
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime within an operator")
    parser.add_argument("--batch", type=lambda text: [int(size) for size in text.split(",")], default=[1, 8])
    parser.add_argument("--pairs", type=int, default=15, help="Kiln, PyTorch, Kiln, PyTorch and so on")
    parser.add_argument("--runs", type=int, default=5, help="in a row for one time of a pair, which is their median")
    parser.add_argument("--opset", type=int, help="of PyTorch's files; that of Kiln's unless given")
    parser.add_argument("--keep", type=pathlib.Path, help="leave PyTorch's files in this folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    missing = [f"{name}.onnx" for name, _, _ in ARCHITECTURES if not (arguments.folder / f"{name}.onnx").is_file()]
    if missing:
        print(
            f"{arguments.folder}: Kiln's {', '.join(missing)} not found; make them with\n"
            f"hint: cargo run --release --example architectures -- {arguments.folder}",
            file=sys.stderr,
        )
        return 2
    arguments.opset = arguments.opset or opset_of(arguments.folder / f"{ARCHITECTURES[0][0]}.onnx")
    # It announces that torchvision is not installed, at every export.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        # No name for the default is public, so a network without layers is asked for it.
        identity = pathlib.Path(scratch) / "identity.onnx"
        export(nn.Identity(), 8, identity, None)
        default = opset_of(identity)
        found = [compare(*one, folder, default, arguments) for one in ARCHITECTURES]
    report = {
        "tools": {"torch": torch.__version__, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        "threads": arguments.threads,
        "pairs": arguments.pairs,
        "runs": arguments.runs,
        "opset": arguments.opset,
        "default_opset": default,
        "architectures": found,
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return judge(found)


if __name__ == "__main__":
    sys.exit(main())
