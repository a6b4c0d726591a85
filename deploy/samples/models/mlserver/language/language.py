"""Which language is a text in? One string a row, one ISO 639-1 code a row."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from py3langid.langid import MODEL_FILE, LanguageIdentifier


class Language(MLModel):
    async def load(self) -> bool:
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        found = [self._identifier.classify(text) for text in texts]
        probability = np.array([p for _, p in found], dtype=np.float32)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                StringCodec.encode_output("lang", [lang for lang, _ in found], use_bytes=False).model_copy(
                    update={"shape": [len(found)]}
                ),
                NumpyCodec.encode_output("probability", probability).model_copy(update={"shape": [len(found)]}),
            ],
        )
