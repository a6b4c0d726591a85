"""The model servers of the samples, asked in their own protocols by plain HTTP, without Millrace."""

import requests
from scenarios import server

session = requests.Session()


def post(address, path, body, **kwargs):
    reply = session.post(f"http://{address}{path}", json=body, timeout=60, **kwargs)
    assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}"
    return reply.json()


def infer(address, model, name, texts, shape, **parameters):
    tensor = {"name": name, "datatype": "BYTES", "shape": shape, "data": texts, "parameters": parameters}
    outputs = post(address, f"/v2/models/{model}/infer", {"inputs": [tensor]})["outputs"]
    return {o["name"]: o["data"] for o in outputs}


def language(texts):
    found = infer(server("text-models"), "langid", "text", texts, [len(texts)])
    return {"language": found["lang"], "probability": found["probability"]}


def sentiment(texts):
    found = infer(server("text-models"), "vader", "TXT", texts, [len(texts), 1], content_type="str")
    return {"label": found["l"], "score": found["s"]}


def keywords(texts):
    found = infer(server("text-models"), "yake", "document", texts, [len(texts)])
    return {"keywords": found["phrases"], "weights": found["weights"]}


def topic(texts):
    return infer(server("topic"), "topic", "message", texts, [len(texts)])


def toxicity(texts):
    rows = post(server("toxicity"), "/v1/models/toxicity:predict", {"instances": [{"comment": t} for t in texts]})["predictions"]
    return {"toxic": [r["toxic"] for r in rows], "probability": [r["probability"] for r in rows]}


def normalise(texts):
    rows = post(server("normaliser"), "/predict", {"data": {"names": ["text"], "ndarray": [[t] for t in texts]}})["data"]["ndarray"]
    return {"text": [row[0] for row in rows]}


def readability(texts):
    return post(server("readability"), "/score", {"passage": texts})


models = {f.__name__: f for f in (language, sentiment, keywords, topic, toxicity, normalise, readability)}


def merged(texts, **parts):
    """What a merge of parts answers: part.field to values."""
    return {f"{part}.{field}": values for part, model in parts.items() for field, values in model(texts).items()}
