"""Trains a classifier of messages, saves it as an MLflow model, and becomes MLflow's own scoring server for it."""

import os
import sys

import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

WORDS = {
    "billing": ["I paid twice", "the invoice is wrong", "refund my payment", "my card was charged twice"],
    "shipping": ["the parcel is lost", "where is my delivery", "the package came late", "track my parcel"],
}

texts = pd.DataFrame({"message": [t for of in WORDS.values() for t in of]})
labels = [topic for topic, of in WORDS.items() for _ in of]
model = make_pipeline(ColumnTransformer([("words", TfidfVectorizer(), "message")]), LogisticRegression(C=10))
model.fit(texts, labels)
mlflow.sklearn.save_model(model, "topics-model", signature=infer_signature(texts, model.predict(texts)), serialization_format="cloudpickle")
os.execvp("mlflow", ["mlflow", "models", "serve", "-m", "topics-model", "-h", "127.0.0.1", "-p", sys.argv[1], "--env-manager", "local", "--workers", "1"])
