"""Is a comment abusive? KServe's V1 protocol with one object a row.

    python toxicity.py --http_port 8080 --enable_grpc false
"""

import numpy as np
from kserve import Model, ModelServer
from kserve.errors import InvalidInput
from profanity_check import predict_prob


class Toxicity(Model):
    def __init__(self) -> None:
        super().__init__("toxicity")
        self.load()

    def load(self) -> bool:
        predict_prob(["a first call reads the weights"])
        self.ready = True
        return True

    def predict(self, payload: dict, headers: dict | None = None) -> dict:
        comments = []
        for i, instance in enumerate(payload["instances"]):
            if not isinstance(instance, dict) or not isinstance(instance.get("comment"), str):
                raise InvalidInput(f'instances[{i}]: an object with the string "comment" is expected')
            comments.append(instance["comment"])
        chances = predict_prob(np.array(comments)) if comments else []
        return {"predictions": [{"toxic": bool(p >= 0.5), "probability": float(p)} for p in chances]}


if __name__ == "__main__":
    ModelServer().start([Toxicity()])
