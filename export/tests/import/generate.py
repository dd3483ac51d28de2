"""Models of the frameworks that people ship, with their own outputs on the same tiles.

Usage: generate.py FOLDER [NAME...]

Writes for each model NAME.onnx, NAME.npz (`tile`, and the framework's outputs by name) and NAME.yaml or NAME.json (the
description). Prints a line `made NAME` or `skipped NAME: reason`. Every model has random weights from a fixed seed.
"""

import json
import pathlib
import sys
import traceback

import numpy as np

FOLDER = pathlib.Path(sys.argv[1])
WANTED = set(sys.argv[2:])
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def tiles(count=6, seed=0):
    """Pictures with slow and fast changes, all colours apart."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:256, 0:256] / 256.0
    out = []
    for _ in range(count):
        base = random.uniform(90, 220, 3)
        picture = np.zeros((256, 256, 3))
        for channel in range(3):
            a, b, c, d = random.uniform(1, 9, 4)
            wave = np.sin(2 * np.pi * (a * rows + b * columns)) * np.cos(2 * np.pi * (c * rows - d * columns))
            picture[..., channel] = base[channel] + 45 * wave + random.normal(0, 14, (256, 256))
        out.append(np.clip(picture, 0, 255).round().astype(np.uint8))
    return np.stack(out)


def save(name, spec, pictures, suffix="yaml", **outputs):
    arrays = {key: np.asarray(value, dtype=np.float32) for key, value in outputs.items()}
    np.savez(FOLDER / f"{name}.npz", tile=pictures, **arrays)
    (FOLDER / f"{name}.{suffix}").write_text(json.dumps(spec, indent=1))


def pil(pictures):
    from PIL import Image
    return [Image.fromarray(picture) for picture in pictures]


# PyTorch ---------------------------------------------------------------------------------------------------------------


def torch_export(name, module, shape, dynamic, outputs=("logits",), opset=17, **more):
    import torch
    axes = {key: {0: "n"} for key in ("input", *outputs)} if dynamic else None
    torch.onnx.export(module, torch.zeros(shape), str(FOLDER / f"{name}.onnx"), input_names=["input"],
                      output_names=list(outputs), dynamic_axes=axes, opset_version=opset, dynamo=False, **more)


def spread(module, seed):
    """Random statistics and a wider last layer, so that outputs differ from tile to tile."""
    import torch
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, torch.nn.Linear) and part.out_features <= 4:
            torch.nn.init.normal_(part.weight, 0, 0.3)
    return module.eval()


def settle(module, batch):
    """The statistics of batch normalisation of real pictures, as training leaves them. With random ones a deep network
    gives every picture almost the same outputs, and what differs is rounding."""
    import torch
    norms = [part for part in module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    for part in norms:
        part.reset_running_stats()
        part.momentum = None
        part.train()
    if norms:
        with torch.no_grad():
            module(batch)
    return module.eval()


def answers(module, batch, deviation=1.5):
    """Logits and probabilities, after the last layer was scaled so that both classes occur. A smaller deviation is for
    untrained networks whose features hardly differ from tile to tile: a large factor would show their rounding."""
    import torch
    with torch.no_grad():
        logits = module(batch)
        last = [part for part in module.modules() if isinstance(part, (torch.nn.Linear, torch.nn.Conv2d))][-1]
        scale = min(deviation / logits.std(0).mean(), 30)
        last.weight.mul_(scale)
        if last.bias is not None:
            last.bias.mul_(scale).sub_(logits.mean(0) * scale if isinstance(last, torch.nn.Linear) else 0)
        logits = module(batch)
        probabilities = torch.softmax(logits, 1)
    assert probabilities.std(0).min() > 1e-4, f"outputs hardly differ: {probabilities}"
    return logits, probabilities


def torch_model(name, build, transform, spec, dynamic=True, size=224, seed=1, classes=2, opset=17,
                deviation=1.5):
    import torch
    torch.manual_seed(seed)
    stack = lambda pictures: torch.stack([transform(picture) for picture in pil(pictures)])
    module = settle(spread(build(), seed), stack(tiles(4, seed + 200)))
    pictures = tiles(seed=seed)
    logits, probabilities = answers(module, stack(pictures), deviation)
    torch_export(name, module, (1, 3, size, size), dynamic, opset=opset)
    names = ["benign", "tumour", "stroma", "necrosis"][:classes]
    save(name, {"outputs": {"logits": "logits"}, "classes": names, "normal_classes": ["benign"], **spec}, pictures,
         probabilities=probabilities, score=1 - probabilities[:, 0], logits=logits)


def resize_to_tensor(size, mean, std):
    from torchvision import transforms
    return transforms.Compose([transforms.Resize(size), transforms.ToTensor(), transforms.Normalize(mean, std)])


def imagenet_input(**more):
    return {"input": {"range": "0..1", "mean": IMAGENET[0], "std": IMAGENET[1], **more}}


@model
def torchvision_resnet18():
    from torchvision.models import resnet18
    torch_model("torchvision_resnet18", lambda: resnet18(num_classes=2), resize_to_tensor(224, *IMAGENET),
                imagenet_input(size=224))


@model
def torchvision_resnet18_fixed():
    from torchvision.models import resnet18
    torch_model("torchvision_resnet18_fixed", lambda: resnet18(num_classes=3), resize_to_tensor(224, *IMAGENET),
                imagenet_input(), dynamic=False, classes=3, seed=2)


@model
def torchvision_mobilenet_v3():
    from torchvision.models import mobilenet_v3_small
    torch_model("torchvision_mobilenet_v3", lambda: mobilenet_v3_small(num_classes=2), resize_to_tensor(96, *IMAGENET),
                imagenet_input(size=96), size=96, seed=3, opset=12, deviation=0.2)


@model
def torchvision_efficientnet_b0():
    from torchvision import transforms
    from torchvision.models import efficientnet_b0
    crop = transforms.Compose([transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(*IMAGENET)])
    torch_model("torchvision_efficientnet_b0", lambda: efficientnet_b0(num_classes=2), crop,
                imagenet_input(size=224, resize=256), seed=4, deviation=0.2)


@model
def torchvision_squeezenet_crop():
    from torchvision import transforms
    from torchvision.models import squeezenet1_1
    transform = transforms.Compose([
        transforms.Resize(147, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(128),
        transforms.ToTensor(),
    ])
    torch_model("torchvision_squeezenet_crop", lambda: squeezenet1_1(num_classes=2), transform,
                {"input": {"range": "0..1", "size": 128, "resize": 147, "interpolation": "bicubic"}}, size=128, seed=5)


@model
def torch_bgr_caffe():
    """OpenCV's order and Caffe's means: no scaling."""
    import torch
    from torchvision.models import resnet18

    def transform(picture):
        array = np.asarray(picture)[:, :, ::-1].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
        return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))

    torch_model("torch_bgr_caffe", lambda: resnet18(num_classes=2), transform,
                {"input": {"range": "0..255", "channels": "BGR", "mean": [103.939, 116.779, 123.68]}}, size=256, seed=6)


@model
def torch_tensor_resize():
    """A resize of float tensors, antialiased and not rounded."""
    from torchvision.models import resnet18
    from torchvision.transforms import functional as F

    def transform(picture):
        return F.normalize(F.resize(F.to_tensor(picture), [160, 192], antialias=True), *IMAGENET)

    import torch
    torch.manual_seed(7)
    module = spread(resnet18(num_classes=2), 7)
    pictures = tiles(seed=7)
    batch = torch.stack([transform(picture) for picture in pil(pictures)])
    logits, probabilities = answers(module, batch)
    torch_export("torch_tensor_resize", module, (1, 3, 160, 192), True)
    save("torch_tensor_resize", {"classes": ["normal", "tumour"], **imagenet_input(rounded=False)}, pictures,
         probabilities=probabilities, logits=logits)


@model
def torch_autoencoder_map():
    """A score and a map, without classes."""
    import torch

    class Autoencoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.down = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 4, 4), torch.nn.GELU(), torch.nn.Conv2d(8, 12, 4, 4))
            self.up = torch.nn.Sequential(torch.nn.ConvTranspose2d(12, 8, 4, 4), torch.nn.GELU(),
                                          torch.nn.ConvTranspose2d(8, 3, 4, 4), torch.nn.Sigmoid())

        def forward(self, x):
            error = ((self.up(self.down(x)) - x) ** 2).mean(1, keepdim=True)
            return error.mean((1, 2, 3)), error

    torch.manual_seed(8)
    module = Autoencoder().eval()
    pictures = tiles(seed=8)
    batch = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32)) / 255
    with torch.no_grad():
        score, error = module(batch)
    torch_export("torch_autoencoder_map", module, (1, 3, 256, 256), True, outputs=("score", "error_map"))
    save("torch_autoencoder_map", {"input": {"range": "0..1"}, "threshold": 0.1, "licence": "MIT"}, pictures,
         score=score, error_map=error)


@model
def torch_dynamo():
    """The exporter of PyTorch 2.9, with weights in another file."""
    import torch
    from torchvision.models import resnet18
    torch.manual_seed(9)
    module = spread(resnet18(num_classes=2), 9)
    pictures = tiles(seed=9)
    transform = resize_to_tensor(128, *IMAGENET)
    batch = torch.stack([transform(picture) for picture in pil(pictures)])
    logits, probabilities = answers(module, batch)
    torch.onnx.export(module, (torch.zeros(2, 3, 128, 128),), str(FOLDER / "torch_dynamo.onnx"), dynamo=True,
                      input_names=["image"], output_names=["logits"], external_data=True,
                      dynamic_shapes=({0: torch.export.Dim("n")},))
    save("torch_dynamo", {"classes": ["benign", "tumour"], **imagenet_input(size=128)}, pictures,
         probabilities=probabilities, logits=logits)


@model
def wsinfer_resnet34():
    """A model with the configuration of WSInfer's zoo."""
    import torch
    from torchvision.models import resnet34
    torch.manual_seed(10)
    module = spread(resnet34(num_classes=2), 10)
    pictures = tiles(seed=10)
    transform = resize_to_tensor(224, *IMAGENET)
    batch = torch.stack([transform(picture) for picture in pil(pictures)])
    logits, probabilities = answers(module, batch)
    torch_export("wsinfer_resnet34", module, (1, 3, 224, 224), False, outputs=("y",))
    config = {
        "spec_version": "1.0", "architecture": "resnet34", "num_classes": 2, "class_names": ["normal", "tumor"],
        "name": "test", "patch_size_pixels": 350, "spacing_um_px": 0.25,
        "transform": [
            {"name": "Resize", "arguments": {"size": 224}},
            {"name": "ToTensor"},
            {"name": "Normalize", "arguments": {"mean": IMAGENET[0], "std": IMAGENET[1]}},
        ],
    }
    save("wsinfer_resnet34", config, pictures, suffix="json", probabilities=probabilities, y=logits)


def timm_model(name, architecture, dynamic, seed, deviation=1.5):
    import timm
    import torch
    torch.manual_seed(seed)
    module = spread(timm.create_model(architecture, num_classes=2, exportable=True), seed)
    config = module.pretrained_cfg
    data = timm.data.resolve_model_data_config(module)
    transform = timm.data.create_transform(**data, is_training=False)
    stack = lambda pictures: torch.stack([transform(picture) for picture in pil(pictures)])
    settle(module, stack(tiles(4, seed + 200)))
    pictures = tiles(seed=seed)
    logits, probabilities = answers(module, stack(pictures), deviation)
    torch_export(name, module, (1, *data["input_size"]), dynamic)
    wanted = ["input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode", "license", "url", "tag"]
    pretrained = {key: config[key] for key in wanted if config.get(key) is not None}
    pretrained.update(num_classes=2, label_names=["healthy", "tumour"])
    save(name, {"architecture": architecture, "num_classes": 2, "pretrained_cfg": pretrained}, pictures, suffix="json",
         probabilities=probabilities, logits=logits)


@model
def timm_vit_tiny_fixed():
    timm_model("timm_vit_tiny_fixed", "vit_tiny_patch16_224", False, 11)


@model
def timm_convnext_atto():
    timm_model("timm_convnext_atto", "convnext_atto", True, 12)


@model
def timm_mobilevit_fixed():
    timm_model("timm_mobilevit_fixed", "mobilevitv2_050", False, 13, deviation=0.2)


@model
def timm_resnet_lanczos_free():
    timm_model("timm_resnet_lanczos_free", "resnet10t", False, 14)


# anomalib --------------------------------------------------------------------------------------------------------------


def floats(pictures):
    import torch
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32)) / 255


def anomalib_model(name, module, fit, seed, **more):
    """Fits a model on tiles, and writes it by anomalib's own export: preprocessing, normalisation and threshold inside."""
    import shutil
    import torch
    pictures = tiles(seed=seed)
    module.eval()
    with torch.no_grad():
        fit(module.model, module.pre_processor(floats(tiles(12, seed + 100))))
        module.eval()
        found = module.model(module.pre_processor(floats(np.concatenate([pictures, tiles(6, seed + 300)]))))
        # Normalisation and thresholds, as a validation leaves them.
        post = module.post_processor
        for kind, values in (("image", found.pred_score), ("pixel", found.anomaly_map)):
            getattr(post, f"{kind}_min").copy_(values.min())
            getattr(post, f"{kind}_max").copy_(values.max())
            getattr(post, f"_{kind}_threshold").copy_(values.median())
        found = module(floats(pictures))
    path = module.to_onnx(FOLDER / f"{name}.export", input_size=(256, 256), external_data=False, **more)
    shutil.move(path, FOLDER / f"{name}.onnx")
    shutil.rmtree(FOLDER / f"{name}.export")
    score = found.pred_score.reshape(-1)
    assert score.std() > 1e-3, f"scores hardly differ: {score}"
    save(name, {"input": {"range": "0..1"}}, pictures, score=score, anomaly_map=found.anomaly_map)


@model
def anomalib_padim():
    import torch
    from anomalib.models import Padim
    torch.manual_seed(15)

    def fit(module, normal):
        module.train()
        module(normal)
        module.fit()

    module = Padim(backbone="resnet18", layers=["layer2", "layer3"], pre_trained=False, n_features=40, evaluator=False,
                   visualizer=False)
    settle(module.model.feature_extractor, module.pre_processor(floats(tiles(4, 215))))
    # Its indices of features do not follow a symbolic batch.
    anomalib_model("anomalib_padim", module, fit, 15, dynamic_axes={})


@model
def anomalib_patchcore():
    import torch
    from anomalib.models import Patchcore
    torch.manual_seed(16)

    def fit(module, normal):
        module.train()
        module(normal)
        module.subsample_embedding(0.02)

    module = Patchcore(backbone="resnet18", pre_trained=False, num_neighbors=3, evaluator=False, visualizer=False)
    settle(module.model.feature_extractor, module.pre_processor(floats(tiles(4, 216))))
    anomalib_model("anomalib_patchcore", module, fit, 16)


@model
def anomalib_efficient_ad():
    import torch
    from anomalib.models import EfficientAd
    torch.manual_seed(17)

    def fit(module, normal):
        features = module.teacher(normal)
        module.mean_std["mean"].copy_(features.mean((0, 2, 3), keepdim=True))
        module.mean_std["std"].copy_(features.std((0, 2, 3), keepdim=True))
        maps = dict(zip(("st", "ae"), module.get_maps(normal, normalize=False)))
        for name, values in maps.items():
            for side, level in (("qa", 0.9), ("qb", 0.995)):
                module.quantiles[f"{side}_{name}"].copy_(torch.quantile(values.flatten()[::17], level))

    module = EfficientAd(teacher_out_channels=64, evaluator=False, visualizer=False)
    anomalib_model("anomalib_efficient_ad", module, fit, 17)


# scikit-learn ----------------------------------------------------------------------------------------------------------


def rows(pictures, side):
    from PIL import Image
    small = [np.asarray(picture.resize((side, side), Image.BILINEAR)) for picture in pil(pictures)]
    return (np.stack(small).reshape(len(small), -1) / np.float32(255)).astype(np.float32)


def sklearn_model(name, estimator, seed, spec=None, options=None, outputs=None):
    from skl2onnx import to_onnx
    train, pictures = tiles(60, seed + 100), tiles(seed=seed)
    labels = np.array(["benign", "tumour"])[np.arange(60) % 2]
    train[1::2, 60:200, 60:200] //= 2
    pictures[1::2, 60:200, 60:200] //= 2
    estimator.fit(rows(train, 16), labels)
    onx = to_onnx(estimator, rows(pictures, 16)[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    (FOLDER / f"{name}.onnx").write_bytes(onx.SerializeToString())
    if outputs is None:
        probabilities = estimator.predict_proba(rows(pictures, 16))
        outputs = {"probabilities": probabilities, "score": probabilities[:, 1]}
    else:
        outputs = outputs(estimator, rows(pictures, 16))
    save(name, {"input": {"range": "0..1"}, **(spec or {})}, pictures, **outputs)


@model
def sklearn_logistic():
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    sklearn_model("sklearn_logistic", make_pipeline(StandardScaler(), PCA(12, random_state=0), LogisticRegression()), 18)


@model
def sklearn_forest():
    from sklearn.ensemble import RandomForestClassifier
    sklearn_model("sklearn_forest", RandomForestClassifier(30, random_state=0, max_depth=6), 19)


@model
def sklearn_mlp():
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    sklearn_model("sklearn_mlp", make_pipeline(StandardScaler(), MLPClassifier((24,), random_state=0, max_iter=60)), 20,
                  spec={"classes": ["benign", "tumour"]}, options={"zipmap": False})


@model
def sklearn_isolation_forest():
    from sklearn.ensemble import IsolationForest
    sklearn_model("sklearn_isolation_forest", IsolationForest(n_estimators=40, random_state=0), 21,
                  spec={"outputs": {"scores": "negative_score"}, "threshold": 0.0},
                  outputs=lambda estimator, x: {"score": -estimator.decision_function(x)})


# Keras -----------------------------------------------------------------------------------------------------------------


def keras_model(name, module, spec, pictures, prepare, outputs=("probabilities",)):
    batch = prepare(pictures)
    found = np.asarray(module.predict(batch, verbose=0))
    try:
        module.export(str(FOLDER / f"{name}.onnx"), format="onnx", verbose=False)
    except Exception:
        import tensorflow as tf
        import tf2onnx
        signature = [tf.TensorSpec((None, *module.input_shape[1:]), tf.float32, name="image")]
        tf2onnx.convert.from_keras(module, signature, opset=15, output_path=str(FOLDER / f"{name}.onnx"))
    save(name, {"classes": ["benign", "tumour"], **spec}, pictures, **{outputs[0]: found})


@model
def keras_cnn_bytes():
    """Channels last, 0..255, with the scaling inside the model."""
    import keras
    keras.utils.set_random_seed(22)
    layers = keras.layers
    module = keras.Sequential([
        keras.Input((256, 256, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 5, strides=4, activation="relu"),
        layers.Conv2D(12, 3, strides=2, activation="relu"), layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(0, 20)),
    ])
    keras_model("keras_cnn_bytes", module, {"input": {"range": "0..255", "layout": "NHWC"}}, tiles(seed=22),
                lambda x: x.astype(np.float32))


@model
def keras_mobilenet_v2():
    """-1..1, as keras.applications.mobilenet_v2.preprocess_input."""
    import keras
    keras.utils.set_random_seed(23)
    base = keras.applications.MobileNetV2((128, 128, 3), alpha=0.35, weights=None, include_top=False, pooling="avg")
    head = keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(0, 3))(base.output)
    module = keras.Model(base.input, keras.layers.Softmax()(head))
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(layer.gamma * 1.6)
    pictures = tiles(seed=23)
    crop = lambda x: keras.applications.mobilenet_v2.preprocess_input(x[:, 64:192, 64:192].astype(np.float32))
    keras_model("keras_mobilenet_v2", module,
                {"input": {"range": "-1..1", "layout": "NHWC", "size": 128, "resize": 256}}, pictures, crop)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, build in MODELS.items():
        if WANTED and name not in WANTED:
            continue
        try:
            build()
            print(f"made {name}", flush=True)
        except ImportError as error:
            print(f"skipped {name}: {error}", flush=True)
        except Exception as error:
            traceback.print_exc()
            print(f"failed {name}: {type(error).__name__}: {error}".splitlines()[0], flush=True)


main()
