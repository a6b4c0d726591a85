"""Makes one answer of several models' probabilities: their average.

    seldon-core-microservice Consensus --service-type COMBINER
"""

import numpy as np


class Consensus:
    def __init__(self):
        self.class_names = ["calm", "urgent"]

    def aggregate(self, Xs, names, metas=None):
        return np.mean([np.asarray(X, dtype=np.float64) for X in Xs], axis=0)
