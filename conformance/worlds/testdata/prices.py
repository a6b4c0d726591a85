"""Trains a regression over rows of three numbers, saves it as an MLflow model, and becomes MLflow's own scoring server for it."""

import os
import sys

import mlflow.sklearn
import numpy as np
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

points = np.random.default_rng(7).normal(size=(50, 3))
model = LinearRegression().fit(points, points @ [2.0, -1.0, 0.5] + 10.0)
mlflow.sklearn.save_model(model, "prices-model", signature=infer_signature(points, model.predict(points)), serialization_format="cloudpickle")
os.execvp("mlflow", ["mlflow", "models", "serve", "-m", "prices-model", "-h", "127.0.0.1", "-p", sys.argv[1], "--env-manager", "local", "--workers", "1"])
