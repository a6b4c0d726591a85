"""What is a text about? The three best phrases a row, best first, empty strings where there are fewer."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from yake import KeywordExtractor

PHRASES = 3


class Keywords(MLModel):
    async def load(self) -> bool:
        self._extractor = KeywordExtractor(lan="en", n=2, top=PHRASES)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        phrases: list[str] = []
        weights: list[float] = []
        texts = StringCodec.decode_input(payload.inputs[0])
        for text in texts:
            # yake's own weight is smaller for a better phrase; ours grows with it.
            found = [(p, 1.0 / (1.0 + float(w))) for p, w in self._extractor.extract_keywords(text)] if text.strip() else []
            found += [("", 0.0)] * (PHRASES - len(found))
            phrases += [p for p, _ in found]
            weights += [w for _, w in found]
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                ResponseOutput(name="phrases", datatype="BYTES", shape=[len(texts), PHRASES], data=phrases),
                NumpyCodec.encode_output("weights", np.array(weights, dtype=np.float64).reshape(-1, PHRASES)),
            ],
        )
