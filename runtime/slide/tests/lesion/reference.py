"""Random cases of lesions, FROC and detections with the results of MONAI's functions, for tests/lesion.rs.

    python reference.py OUT.json [--monai WHEEL|FOLDER] [--seed N] [--cases N] [--maps N] [--big]

Needs numpy, scipy and scikit-image. MONAI's functions are read from an installed monai, a folder or a wheel, without
PyTorch: the few names that they import are stubs. The committed cases.json is made with `--seed 1 --cases 26 --maps 12`.
"""

import argparse
import ast
import importlib.util
import json
import pathlib
import sys
import types
import warnings
import zipfile

import numpy as np
import scipy.ndimage as ndimage
import skimage.measure as measure

warnings.filterwarnings("ignore")


class Monai:
    """The functions of MONAI that CAMELYON16's evaluation consists of."""

    def __init__(self, place):
        if place is None:
            spec = importlib.util.find_spec("monai")
            if spec is None:
                raise SystemExit("MONAI is neither installed nor given by --monai")
            place = pathlib.Path(spec.origin).parent.parent
        self.place = pathlib.Path(place)
        torch = types.ModuleType("torch")
        torch.Tensor = type("Tensor", (), {})
        config = types.ModuleType("monai.config")
        config.NdarrayOrTensor = object
        sys.modules.setdefault("torch", torch)
        for name in ("monai", "monai.utils", "monai.transforms", "monai.transforms.post"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["monai.config"] = config
        utils = {"skimage.measure": measure, "scipy.ndimage": ndimage}
        sys.modules["monai.utils"].optional_import = lambda name: (utils[name], True)
        post = types.ModuleType("monai.transforms.post.array")
        post.ProbNMS = self.class_of("monai/transforms/post/array.py", "ProbNMS")
        sys.modules["monai.transforms.post.array"] = post
        self.froc = self.module("monai/metrics/froc.py")
        self.pathology = self.module("monai/apps/pathology/utils.py")

    def text(self, path):
        if self.place.suffix == ".whl":
            with zipfile.ZipFile(self.place) as wheel:
                return wheel.read(path).decode()
        return (self.place / path).read_text()

    def module(self, path):
        module = types.ModuleType(path)
        exec(compile(self.text(path), path, "exec"), module.__dict__)
        return module

    def class_of(self, path, name):
        tree = ast.parse(self.text(path))
        body = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
        space = {
            "Transform": object,
            "TransformBackends": types.SimpleNamespace(NUMPY="numpy"),
            "np": np,
            "torch": sys.modules["torch"],
            "unravel_index": np.unravel_index,
        }
        code = "from __future__ import annotations\n" + ast.unparse(ast.Module(body, []))
        exec(compile(code, path, "exec"), space)
        return space[name]


def random_mask(rng, big):
    height, width = rng.integers(1, 160 if big else 44, 2)
    mask = np.zeros((height, width), dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for _ in range(rng.integers(0, 6)):
        y, x = rng.uniform(-3, height + 3), rng.uniform(-3, width + 3)
        a, b, turn = rng.uniform(0.5, 14), rng.uniform(0.5, 6), rng.uniform(0, np.pi)
        u = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
        v = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
        radius = (u / a) ** 2 + (v / b) ** 2
        mask |= ((radius <= 1) & (radius >= rng.choice([0, 0, 0.6]))).astype(np.uint8)
    if rng.random() < 0.2:
        mask |= (rng.random(mask.shape) < 0.02).astype(np.uint8)
    return mask


def spans(labels):
    """Row, first pixel, one past the last pixel and label of each run of a label."""
    found = []
    for y, row in enumerate(labels):
        edges = np.flatnonzero(np.diff(row.astype(int), prepend=-1, append=-1))
        found += [[y, int(a), int(b), int(row[a])] for a, b in zip(edges[:-1], edges[1:]) if row[a]]
    return found


def random_slide(monai, rng, level, spacing, number, big, kind):
    mask = random_mask(rng, big)
    if rng.random() < 0.35:
        mask[:] = 0
    if mask.any():
        pixel = spacing * 2**level
        labels = monai.pathology.compute_multi_instance_mask(mask.astype(int), 75 / (pixel * 2))
        itc = monai.pathology.compute_isolated_tumor_cells(labels, (200 + 75) / pixel)
        axes = [float(region.axis_major_length) * pixel for region in measure.regionprops(labels)]
    else:
        # CAMELYON16's script does not make a mask for slides without lesions.
        labels, itc, axes = np.zeros(mask.shape, dtype=int), [], []
    count = int(rng.choice([0, 1, 4, 12]))
    y = rng.integers(0, mask.shape[0] * 2**level, count)
    x = rng.integers(0, mask.shape[1] * 2**level, count)
    inside = np.argwhere(labels > 0)
    for k in range(count):
        if len(inside) and rng.random() < 0.5:
            y[k], x[k] = inside[rng.integers(len(inside))] * 2**level + rng.integers(0, 2**level, 2)
    probs = {
        "double": lambda: rng.random(count),
        "single": lambda: rng.random(count).astype(np.float32).astype(float),
        "ties": lambda: np.round(rng.random(count), 1),
        "singleties": lambda: np.round(rng.random(count), 1).astype(np.float32).astype(float),
    }[kind]()
    wrong, right, targets = monai.froc.compute_fp_tp_probs(probs, y, x, labels, itc, level)
    slide = {
        "name": f"slide {number}",
        "size": [int(mask.shape[1]), int(mask.shape[0])],
        "mask": [span[:3] for span in spans(mask)],
        "labels": spans(labels),
        "isolated": [int(number) for number in itc],
        "axes_um": axes,
        "detections": [[int(a), int(b), float(p)] for a, b, p in zip(x, y, probs)],
        "fp": [float(p) for p in wrong],
        "tp": [float(p) for p in right],
        "targets": int(targets),
    }
    return slide, wrong, right, targets


def total(monai, results):
    wrong = np.array([p for result in results for p in result[0]])
    right = np.array([p for result in results for p in result[1]], dtype=np.float32)
    targets = sum(result[2] for result in results)
    with np.errstate(all="ignore"):
        curve = monai.froc.compute_froc_curve_data(wrong, right, targets, len(results))
    return curve, float(monai.froc.compute_froc_score(*curve)), targets


def random_case(monai, rng, big, slides=None):
    level, pixel = int(rng.integers(0, 7)), float(rng.uniform(5, 60))
    spacing = pixel / 2**level
    while not 0.05 <= spacing <= 20:
        level, pixel = int(rng.integers(0, 7)), float(rng.uniform(5, 60))
        spacing = pixel / 2**level
    kind = str(rng.choice(["double", "single", "ties", "singleties"]))
    count = slides or int(rng.integers(1, 5))
    made = [random_slide(monai, rng, level, spacing, number, big, kind) for number in range(count)]
    results = [slide[1:] for slide in made]
    (fps, sensitivity), score, targets = total(monai, results)
    case = {"level": level, "spacing": spacing, "slides": [slide[0] for slide in made], "targets": targets}
    case["score"] = score if targets else None
    case["fps"] = fps.tolist()
    case["sensitivity"] = sensitivity.tolist() if targets else None
    return case, results


def random_map(monai, rng):
    """A map of probabilities, and its detections by MONAI's suppression and by connected regions."""
    shape = rng.integers(1, 14, 2)
    size = int(rng.integers(2, 600))
    scores = (ndimage.gaussian_filter(rng.random(shape), 0.6) + rng.random(shape) * 0.3).astype(np.float32)
    scores = np.round(scores, 3) if rng.random() < 0.5 else scores
    scores[rng.random(shape) < 0.2] = 0
    threshold = float(rng.uniform(0.05, 0.8))
    reach = int(rng.integers(0, 4))
    sigma = float(rng.choice([0, 0, rng.uniform(0.3, 1.5)]))
    blurred = scores.astype(float)
    if sigma:
        blurred = ndimage.gaussian_filter(blurred, sigma, mode="constant", cval=0)
    suppress = monai.pathology.PathologyProbNMS(prob_threshold=threshold, box_size=2 * reach + 1)
    places = [[float(p), int(x), int(y)] for p, y, x in monai_points(suppress, blurred.copy())]
    labels, count = ndimage.label(scores >= threshold, structure=np.ones((3, 3)))
    regions = [float(scores[labels == number].max()) for number in range(1, count + 1)]
    return {
        "tile": size,
        "scores": [[float(score) for score in row] for row in scores],
        "threshold": threshold,
        "reach": reach,
        "sigma": sigma,
        "suppressed": places,
        "regions": sorted(regions, reverse=True),
    }


def monai_points(suppress, scores):
    """Column and row of each detection in tiles. At level 1 a tile has two pixels, and its centre is 2 * index + 1."""
    for score, row, column in suppress(scores, 1):
        yield score, (int(row) - 1) // 2, (int(column) - 1) // 2


def interval(monai, rng):
    """A larger case, with the interval that numpy draws over patients of two slides."""
    while True:
        case, results = random_case(monai, rng, False, slides=48)
        patients = [[2 * patient, 2 * patient + 1] for patient in range(24)]
        with_lesions = sum(any(results[k][2] for k in patient) for patient in patients)
        if with_lesions >= 12 and 0.2 < case["score"] < 0.8:
            break
    drawn = []
    while len(drawn) < 2000:
        chosen = [results[k] for patient in rng.integers(0, 24, 24) for k in patients[patient]]
        _, score, targets = total(monai, chosen)
        if targets:
            drawn.append(score)
    case["interval"] = [float(value) for value in np.percentile(drawn, [2.5, 97.5])]
    return case


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--monai")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=26)
    parser.add_argument("--maps", type=int, default=12)
    parser.add_argument("--big", action="store_true")
    options = parser.parse_args()
    monai, rng = Monai(options.monai), np.random.default_rng(options.seed)
    result = {
        "cases": [random_case(monai, rng, options.big)[0] for _ in range(options.cases)],
        "maps": [random_map(monai, rng) for _ in range(options.maps)],
        "interval": interval(monai, rng),
    }
    pathlib.Path(options.out).write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
