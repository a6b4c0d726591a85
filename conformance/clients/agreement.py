"""One question, asked in every dialect: the answers agree, and are those of the servers."""

import direct
import numpy as np
import requests
import texts
import tritonclient.grpc
import tritonclient.http
from scenarios import place, run, same, scenario

session = requests.Session()
over_http = tritonclient.http.InferenceServerClient(place["listen"])
over_grpc = tritonclient.grpc.InferenceServerClient(place["listen"])


def flat(found, before=""):
    """Objects in objects as names with dots; one flat list a name."""
    out = {}
    for name, value in found.items():
        if isinstance(value, dict):
            out |= flat(value, f"{before}{name}.")
        else:
            out[before + name] = np.array(value, dtype=object).flatten().tolist()
    return out


def by_triton(module, client, model, rows):
    tensor = module.InferInput("text", [len(rows)], "BYTES")
    tensor.set_data_from_numpy(np.array(rows, dtype=object))
    reply = client.infer(model, [tensor])
    said = reply.get_response()
    names = [o["name"] for o in said["outputs"]] if isinstance(said, dict) else [o.name for o in said.outputs]
    return {n: [v.decode() if isinstance(v, bytes) else v for v in reply.as_numpy(n).flatten().tolist()] for n in names}


def post(path, body):
    reply = session.post(f"http://{place['listen']}{path}", json=body, timeout=60)
    same(reply.status_code, 200, f"{path}: {reply.text}")
    return reply.json()


def by_json(model, rows):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(rows)], "data": rows}
    return {o["name"]: o["data"] for o in post(f"/v2/models/{model}/infer", {"inputs": [tensor]})["outputs"]}


def by_ask(model, rows):
    return flat(post(f"/ask/{model}?full=1", {"text": rows}))


def by_seldon(model, rows):
    return flat(post(f"/seldon/default/{model}/api/v1.0/predictions", {"data": {"names": ["text"], "ndarray": [[r] for r in rows]}})["jsonData"])


def rounded(found):
    """FP32 has fewer digits in JSON than a double shows."""
    return {n: [float(np.float32(v)) if isinstance(v, float) and n.endswith("language.probability") else v for v in values] for n, values in found.items()}


def agree(model, rows, want):
    want = rounded(want)
    for how, got in {
        "Open Inference, HTTP": lambda: by_triton(tritonclient.http, over_http, model, rows),
        "Open Inference, gRPC": lambda: by_triton(tritonclient.grpc, over_grpc, model, rows),
        "Open Inference, JSON": lambda: by_json(model, rows),
        "ask": lambda: by_ask(model, rows),
        "Seldon, REST": lambda: by_seldon(model, rows),
    }.items():
        same(rounded(got()), want, f"{model} by {how}")


@scenario
def a_deployed_graph():
    for rows in texts.BATCHES:
        agree("triage", rows, direct.merged(rows, language=direct.language, sentiment=direct.sentiment, topic=direct.topic, tox=direct.toxicity))


@scenario
def a_combination_that_nobody_deployed():
    for rows in texts.BATCHES:
        agree("language+sentiment+keywords", rows, direct.merged(rows, language=direct.language, sentiment=direct.sentiment, keywords=direct.keywords))


@scenario
def a_chain_into_a_combination():
    for rows in texts.BATCHES:
        tidied = direct.normalise(rows)["text"]
        agree("normalise|sentiment+topic", rows, direct.merged(tidied, sentiment=direct.sentiment, topic=direct.topic))


@scenario
def one_text_is_answered_with_scalars_by_ask():
    want = direct.merged(texts.ONE, language=direct.language, sentiment=direct.sentiment)
    got = post("/ask/language+sentiment", {"text": texts.ONE[0]})
    same(got, {"language": want["language.language"][0], "sentiment": want["sentiment.label"][0]})


@scenario
def KServes_V1_answers_an_object_a_row():
    want = direct.sentiment(texts.THREE)
    got = post("/v1/models/sentiment:predict", {"instances": texts.THREE})
    same(got["predictions"], [{"label": label, "score": score} for label, score in zip(want["label"], want["score"])])


run()
over_http.close()
over_grpc.close()
