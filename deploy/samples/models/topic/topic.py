"""Which team should a message go to? A plain function over a classifier that is trained when the file is loaded."""

import csv
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

with Path(__file__).with_name("messages.csv").open(encoding="utf-8") as file:
    rows = list(csv.DictReader(file))

model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
model.fit([row["message"] for row in rows], [row["topic"] for row in rows])


def predict(message: list[str]) -> dict:
    chances = model.predict_proba(message)
    best = chances.argmax(axis=1)
    return {"topic": model.classes_[best], "confidence": chances.max(axis=1)}
