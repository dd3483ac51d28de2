"""A runtime for MLServer, which has none for ONNX: ONNX Runtime on the bundle's own graph."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from mlserver.utils import get_model_uri


class Tiles(MLModel):
    """One tile model."""

    async def load(self):
        """Loads the graph."""
        model = await get_model_uri(self.settings)
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        """Runs one request."""
        tile = NumpyCodec.decode_input(payload.inputs[0])
        names = [output.name for output in payload.outputs]
        arrays = self.session.run(names, {"tile": tile})
        outputs = [NumpyCodec.encode_output(name, array) for name, array in zip(names, arrays)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
