"""An MLServer runtime that serves one plain Python function, typed by a contract.

MILLRACE_FUNCTION names the function as FILE.py:FUNCTION. MILLRACE_CONTRACT is JSON: inputs and outputs, each a list
of {"name", "datatype", "shape"}.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor, ResponseOutput

DTYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}


def load_function(reference: str):
    file, _, name = reference.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise ImportError(f"{file} has no function {name}")
    return function


def argument(tensor, declared: dict):
    """What the function receives: a list of strings, or an array, with the rows first."""
    if tensor.datatype != declared["datatype"]:
        raise InferenceError(f"input {tensor.name}: {declared['datatype']} is expected, not {tensor.datatype}")
    if tensor.datatype == "BYTES":
        return StringCodec.decode_input(tensor)
    return NumpyCodec.decode_input(tensor)


def output(value, declared: dict) -> ResponseOutput:
    name, datatype = declared["name"], declared["datatype"]
    if datatype == "BYTES":
        array = np.asarray(value, dtype=object)
        data = [item if isinstance(item, str) else item.decode() if isinstance(item, bytes) else str(item) for item in array.flat]
    else:
        array = np.asarray(value)
        try:
            with np.errstate(all="ignore"):
                typed = array.astype(DTYPES[datatype])
        except (TypeError, ValueError) as error:
            raise InferenceError(f"output {name}: {error}") from None
        # Rounding to a float type is what its declaration asks for; anything else that changes a value is a mistake.
        if typed.dtype.kind != "f" and not np.array_equal(array, typed):
            raise InferenceError(f"output {name}: a value does not fit {datatype}")
        data = typed.ravel().tolist()
    shape = [len(data), *(1 for _ in declared["shape"][1:])] if array.ndim == 1 else list(array.shape)
    if len(shape) != len(declared["shape"]):
        raise InferenceError(f"output {name}: the shape {list(array.shape)} does not fit {declared['shape']}")
    return ResponseOutput(name=name, datatype=datatype, shape=shape, data=data)


class Function(MLModel):
    async def load(self) -> bool:
        contract = json.loads(os.environ["MILLRACE_CONTRACT"])
        self._in = {tensor["name"]: tensor for tensor in contract["inputs"]}
        self._out = contract["outputs"]
        self.inputs = [MetadataTensor(**tensor) for tensor in contract["inputs"]]
        self.outputs = [MetadataTensor(**tensor) for tensor in contract["outputs"]]
        self._call = load_function(os.environ["MILLRACE_FUNCTION"])
        parameters = list(inspect.signature(self._call).parameters.values())
        self._positional = len(parameters) == 1 == len(self._in) and parameters[0].name not in self._in
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {tensor.name: tensor for tensor in payload.inputs}
        for name in given:
            if name not in self._in:
                raise InferenceError(f"input {name} is unknown; the function takes {', '.join(self._in)}")
        for name in self._in:
            if name not in given:
                raise InferenceError(f"input {name} is missing; the function takes {', '.join(self._in)}")
        values = {name: argument(given[name], declared) for name, declared in self._in.items()}
        arguments, named = (tuple(values.values()), {}) if self._positional else ((), values)
        if inspect.iscoroutinefunction(self._call):
            result = await self._call(*arguments, **named)
        else:  # a function that computes must not hold up the server's health checks
            result = await asyncio.to_thread(self._call, *arguments, **named)
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=[output(v, d) for v, d in self._pair(result)]
        )

    def _pair(self, result):
        """Each declared output with its value."""
        if isinstance(result, dict):
            missing = [d["name"] for d in self._out if d["name"] not in result]
            if missing:
                raise InferenceError(f"the function's dict has no {', '.join(missing)}; it has {', '.join(map(str, result))}")
            return [(result[d["name"]], d) for d in self._out]
        values = [result] if len(self._out) == 1 else result
        if not isinstance(values, (list, tuple)) or len(values) != len(self._out):
            raise InferenceError(f"the function returned {type(result).__name__}; {len(self._out)} outputs are declared")
        return list(zip(values, self._out))
