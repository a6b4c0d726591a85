"""How hard is a text to read? A plain REST service: one object in, one object out, or a list of them.

    uvicorn readability:app
"""

import re

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="readability")
SENTENCE = re.compile(r"[.!?]+")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
VOWELS = re.compile(r"[aeiouy]+")


class Passage(BaseModel):
    passage: str | list[str]


def measure(text: str) -> tuple[float, int]:
    """The Flesch-Kincaid grade and the number of words."""
    words = WORD.findall(text.lower())
    if not words:
        return 0.0, 0
    sentences = max(1, len(SENTENCE.findall(text)))
    syllables = sum(max(1, len(VOWELS.findall(word))) for word in words)
    return round(0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59, 2), len(words)


@app.post("/score")
def score(body: Passage):
    if isinstance(body.passage, str):
        grade, words = measure(body.passage)
        return {"grade": grade, "words": words}
    found = [measure(text) for text in body.passage]
    return {"grade": [grade for grade, _ in found], "words": [words for _, words in found]}


@app.get("/healthz")
def healthz():
    return {"status": "ok"}
