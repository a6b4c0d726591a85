"""Tidies a text before a model sees it: no links, no runs of blanks, no shouting, plain quotes.

    seldon-core-microservice Normaliser --service-type TRANSFORMER
"""

import re
import unicodedata

import numpy as np

LINK = re.compile(r"https?://\S+")
BLANKS = re.compile(r"\s+")
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def tidy(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(QUOTES)
    text = BLANKS.sub(" ", LINK.sub("", text)).strip()
    return text.capitalize() if text.isupper() else text


class Normaliser:
    def transform_input(self, X, names, meta=None):
        return np.array([[tidy(str(cell)) for cell in row] for row in X])

    def predict(self, X, names, meta=None):
        """The same, for those who ask it as a model."""
        return self.transform_input(X, names, meta)

    def tags(self):
        return {"normalised": True}
