"""The software bill of materials: CycloneDX 1.6, JSON. Same crates, same binary and same time, same bytes."""

import hashlib
import json
import uuid
from datetime import datetime, timezone

from crates import Crate

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:kiln:sbom")


def document(crates: list[Crate], target: str, epoch: int, binary_sha256: str) -> str:
    """The document for a binary; `epoch` is its time in seconds since 1970."""
    kiln = next(crate for crate in crates if crate.name == "kiln" and crate.is_ours)
    component = component_of(kiln) | {
        "type": "application",
        "hashes": [{"alg": "SHA-256", "content": binary_sha256}],
        "properties": [{"name": "kiln:target", "value": target}],
    }
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component,
        },
        "components": [component_of(crate) for crate in crates if crate is not kiln],
        "dependencies": [
            {"ref": reference(crate), "dependsOn": sorted(purl(key) for key in crate.needs)} for crate in crates
        ],
    }
    number = uuid.uuid5(SPACE, hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).hexdigest())
    return json.dumps({"serialNumber": f"urn:uuid:{number}"} | bom, indent=2, ensure_ascii=False) + "\n"


def component_of(crate: Crate) -> dict:
    component = {
        "type": "library",
        "bom-ref": reference(crate),
        "name": crate.name,
        "version": crate.version,
        "purl": reference(crate),
    }
    if crate.description:
        component["description"] = " ".join(crate.description.split())
    if crate.licence:
        component["licenses"] = [{"expression": " OR ".join(part.strip() for part in crate.licence.split("/"))}]
    if crate.sha256:
        component["hashes"] = [{"alg": "SHA-256", "content": crate.sha256}]
    if crate.repository:
        component["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return component


def reference(crate: Crate) -> str:
    return purl(crate.key)


def purl(key: str) -> str:
    name, version = key.split(" ")
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"
