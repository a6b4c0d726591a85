"""What the runtime of plain Python functions takes and gives, without a server around it."""

import asyncio
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.environ["RUNTIME"])

import numpy as np  # noqa: E402
from mlserver import ModelSettings  # noqa: E402
from mlserver.errors import InferenceError  # noqa: E402
from mlserver.types import InferenceRequest  # noqa: E402
from millrace_function import Function  # noqa: E402

TEXT = {"name": "text", "datatype": "BYTES", "shape": [-1]}
LABEL = {"name": "label", "datatype": "BYTES", "shape": [-1]}
SCORE = {"name": "score", "datatype": "FP32", "shape": [-1]}
COUNT = {"name": "count", "datatype": "INT32", "shape": [-1]}


def serve(code: str, inputs: list, outputs: list) -> Function:
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(code)
    try:
        os.environ["MILLRACE_FUNCTION"] = file.name + ":f"
        os.environ["MILLRACE_CONTRACT"] = json.dumps({"inputs": inputs, "outputs": outputs})
        model = Function(ModelSettings(name="m", implementation=Function))
        asyncio.run(model.load())
        return model
    finally:
        os.unlink(file.name)


def ask(model: Function, *tensors: dict) -> list:
    response = asyncio.run(model.predict(InferenceRequest(inputs=list(tensors))))
    return [(o.name, o.datatype, list(o.shape), list(o.data)) for o in response.outputs]


def texts(*data: str, name: str = "text", shape: list | None = None) -> dict:
    return {"name": name, "datatype": "BYTES", "shape": shape or [len(data)], "data": list(data)}


class Functions(unittest.TestCase):
    def test_a_dict_is_taken_by_output_name(self):
        model = serve("def f(text): return {'score': [1, 2], 'label': text, 'more': 0}", [TEXT], [LABEL, SCORE])
        self.assertEqual(ask(model, texts("a", "b")), [("label", "BYTES", [2], ["a", "b"]), ("score", "FP32", [2], [1.0, 2.0])])

    def test_a_tuple_is_taken_in_order(self):
        model = serve("def f(text): return text, [len(t) for t in text]", [TEXT], [LABEL, COUNT])
        self.assertEqual(ask(model, texts("abc"))[1], ("count", "INT32", [1], [3]))

    def test_one_output_is_the_value_itself(self):
        model = serve("def f(text): return [t.upper() for t in text]", [TEXT], [LABEL])
        self.assertEqual(ask(model, texts("a", "b"))[0][3], ["A", "B"])

    def test_a_lone_argument_may_have_any_name(self):
        model = serve("def f(messages): return messages", [TEXT], [LABEL])
        self.assertEqual(ask(model, texts("a"))[0][3], ["a"])

    def test_a_coroutine_is_awaited(self):
        model = serve("async def f(text): return text", [TEXT], [LABEL])
        self.assertEqual(ask(model, texts("a"))[0][3], ["a"])

    def test_numbers_come_as_arrays_of_their_shape(self):
        x = {"name": "x", "datatype": "INT64", "shape": [-1, 2]}
        model = serve("def f(x): return x.sum(axis=1)", [x], [COUNT])
        tensor = {"name": "x", "datatype": "INT64", "shape": [2, 2], "data": [1, 2, 3, 4]}
        self.assertEqual(ask(model, tensor), [("count", "INT32", [2], [3, 7])])

    def test_bytes_from_raw_tensors_are_texts(self):
        model = serve("def f(text): return text", [TEXT], [LABEL])
        raw = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [b"a\xc3\xa4"]}
        self.assertEqual(ask(model, raw)[0][3], ["aä"])

    def test_a_column_is_given_where_the_contract_has_one(self):
        model = serve("def f(text): return text", [TEXT], [dict(LABEL, shape=[-1, 1])])
        self.assertEqual(ask(model, texts("a", "b"))[0][2], [2, 1])

    def test_no_rows_give_no_rows(self):
        model = serve("def f(text): return text, []", [TEXT], [LABEL, SCORE])
        self.assertEqual(ask(model, texts(shape=[0])), [("label", "BYTES", [0], []), ("score", "FP32", [0], [])])

    def test_what_does_not_fit_is_refused_by_name(self):
        for code, outputs, wanted in [
            ("def f(text): return {'labels': text}", [LABEL], "no label; it has labels"),
            ("def f(text): return text", [LABEL, SCORE], "2 outputs are declared"),
            ("def f(text): return [2**40]", [COUNT], "output count: a value does not fit INT32"),
            ("def f(text): return [0.5]", [COUNT], "output count: a value does not fit INT32"),
            ("def f(text): return [[1, 2]]", [COUNT], "output count: the shape [1, 2] does not fit [-1]"),
            ("def f(text): return ['high']", [SCORE], "output score"),
        ]:
            with self.subTest(code):
                with self.assertRaisesRegex(InferenceError, wanted.replace("[", r"\[").replace("]", r"\]")):
                    ask(serve(code, [TEXT], outputs), texts("a"))

    def test_unknown_missing_and_mistyped_inputs_are_refused_by_name(self):
        model = serve("def f(text): return text", [TEXT], [LABEL])
        for tensors, wanted in [
            ([texts("a", name="massage")], "input massage is unknown; the function takes text"),
            ([], "input text is missing"),
            ([{"name": "text", "datatype": "INT32", "shape": [1], "data": [1]}], "input text: BYTES is expected, not INT32"),
        ]:
            with self.subTest(wanted), self.assertRaisesRegex(InferenceError, wanted):
                ask(model, *tensors)

    def test_a_file_without_the_function_does_not_load(self):
        with self.assertRaisesRegex(ImportError, "has no function f"):
            serve("g = 1", [TEXT], [LABEL])


if __name__ == "__main__":
    unittest.main()
