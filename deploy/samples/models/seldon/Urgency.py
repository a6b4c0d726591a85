"""How urgent is a message? One probability a class, in the order of class_names.

    seldon-core-microservice Urgency --service-type MODEL --parameters '[{"name":"caution","value":"1.5","type":"FLOAT"}]'
"""

import math
import re

import numpy as np

WEIGHTS = {
    "urgent": 3.0, "immediately": 2.5, "asap": 2.5, "emergency": 3.0, "now": 1.0, "today": 1.0, "down": 1.5,
    "broken": 1.5, "outage": 2.5, "cannot": 1.0, "can't": 1.0, "lost": 1.0, "deadline": 1.5, "still": 0.5,
    "whenever": -2.0, "thanks": -0.5, "someday": -2.0, "wondering": -1.5, "curious": -1.5,
}
WORD = re.compile(r"[a-z']+")


class Urgency:
    def __init__(self, caution: float = 1.0):
        self.caution = float(caution)
        self.class_names = ["calm", "urgent"]

    def predict(self, X, names, meta=None):
        rows = []
        for text in np.asarray(X).reshape(len(X), -1)[:, 0]:
            text = str(text)
            score = sum(WEIGHTS.get(word, 0.0) for word in WORD.findall(text.lower())) + 0.5 * text.count("!")
            urgent = 1.0 / (1.0 + math.exp(-(self.caution * score - 1.5)))
            rows.append([1.0 - urgent, urgent])
        return np.array(rows)
