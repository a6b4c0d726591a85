"""Which language is a text in?"""

import py3langid


def predict(text: list[str]) -> dict:
    return {"lang": [py3langid.classify(t)[0] for t in text]}
