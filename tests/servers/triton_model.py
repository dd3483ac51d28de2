"""What Triton's Python backend runs in the tests: ONNX Runtime on the bundle's own graph, so that inputs, outputs and
values are those of Triton's ONNX Runtime backend, which the server in the wheel does not have."""

import os
import sys
import time

# The backend's interpreter ignores this variable.
sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)

import onnxruntime  # noqa: E402
import triton_python_backend_utils as backend  # noqa: E402


class TritonPythonModel:
    """One instance of the model."""

    def initialize(self, _):
        """Loads the graph that lies beside this file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = os.path.join(os.path.dirname(__file__), "model.onnx")
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.delay = float(os.environ.get("KILN_TEST_DELAY", "0"))

    def execute(self, requests):
        """One answer for each request, with the outputs that it asked for."""
        time.sleep(self.delay)
        return [self.answer(request) for request in requests]

    def answer(self, request):
        """Runs one request."""
        tile = backend.get_input_tensor_by_name(request, "tile").as_numpy()
        names = list(request.requested_output_names())
        arrays = self.session.run(names, {"tile": tile})
        return backend.InferenceResponse([backend.Tensor(name, array) for name, array in zip(names, arrays)])
