"""Reads server packages with the servers' own schemas and prints the messages as one JSON list.

check_package.py triton CONFIG...   tritonclient's model_config_pb2
check_package.py kserve YAML...     the models of the kserve and kubernetes packages
"""

import importlib
import importlib.util
import json
import pathlib
import sys
import types


def load(package, path):
    """Loads a module by its file, without its package, which needs far more than a schema."""
    root = pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), root / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def triton(files):
    from google.protobuf import json_format, text_format

    schema = load("tritonclient", "grpc/model_config_pb2")
    for file in files:
        message = text_format.Parse(pathlib.Path(file).read_text(), schema.ModelConfig())
        yield json_format.MessageToDict(message)


def unknown(value, model, path, models):
    """Checks that every key of a document, at every depth, is a field of the published model."""
    known = {wire: name for name, wire in model.attribute_map.items()}
    for key, inner in value.items():
        assert key in known, f"{path}.{key} is no field of {model.__name__}"
        kind = model.openapi_types[known[key]]
        many = kind.startswith("list[")
        inner_model = models(kind[5:-1] if many else kind)
        if inner_model:
            for one in inner if many else [inner]:
                assert isinstance(one, dict), f"{path}.{key} is no {kind}"
                unknown(one, inner_model, f"{path}.{key}", models)
        elif kind in ("str", "int", "bool"):
            python = {"str": str, "int": int, "bool": bool}[kind]
            assert isinstance(inner, python), f"{path}.{key} is {inner!r}, not {kind}"


def kserve(files):
    import kubernetes.client.models as core
    import yaml

    root = pathlib.Path(importlib.util.find_spec("kserve").submodule_search_locations[0])
    # The package without its __init__, which imports a server.
    bare = types.ModuleType("kserve")
    bare.__path__ = [str(root)]
    sys.modules["kserve"] = bare

    def models(kind):
        if hasattr(core, kind):
            return getattr(core, kind)
        file = "".join("_" + c.lower() if c.isupper() else c for c in kind).lstrip("_")
        there = (root / f"models/{file}.py").exists()
        return getattr(importlib.import_module(f"kserve.models.{file}"), kind) if there else None

    kinds = {"InferenceService": "V1beta1InferenceService", "ServingRuntime": "V1alpha1ServingRuntime", "Job": "V1Job"}
    for file in files:
        document = yaml.safe_load(pathlib.Path(file).read_text())
        unknown(document, models(kinds[document["kind"]]), document["kind"], models)
        yield document


print(json.dumps(list({"triton": triton, "kserve": kserve}[sys.argv[1]](sys.argv[2:]))))
