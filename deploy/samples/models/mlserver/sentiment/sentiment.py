"""Is a text positive, negative or neutral? It takes a column of strings called TXT, marked as such, and nothing else."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


class Sentiment(MLModel):
    async def load(self) -> bool:
        self._analyser = SentimentIntensityAnalyzer()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = None
        for tensor in payload.inputs:
            if tensor.name == "TXT":
                if len(tensor.shape) != 2 or tensor.shape[1] != 1:
                    raise InferenceError(f"TXT has the shape {tensor.shape}, not [n, 1]")
                if tensor.parameters is None or tensor.parameters.content_type != "str":
                    raise InferenceError("TXT needs the parameter content_type: str")
                texts = self.decode(tensor)
        if texts is None:
            raise InferenceError("there is no input called TXT")
        scores = [self._analyser.polarity_scores(text)["compound"] for text in texts]
        labels = ["positive" if s >= 0.05 else "negative" if s <= -0.05 else "neutral" for s in scores]
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                StringCodec.encode_output("l", labels, use_bytes=False),
                NumpyCodec.encode_output("s", np.array(scores).reshape(-1, 1)),
            ],
        )
