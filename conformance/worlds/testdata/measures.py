"""A BentoML service that measures texts."""

from pathlib import Path
from typing import Generator

import bentoml


@bentoml.service(workers=1)
class Measures:
    @bentoml.api
    def measure(self, passages: list[str], unit: str = "words") -> dict:
        sizes = [len(p.split()) if unit == "words" else len(p) for p in passages]
        return {"size": sizes, "long": [n > 4 for n in sizes]}

    @bentoml.api
    def spell(self, text: str) -> Generator[str, None, None]:
        for word in text.split():
            yield word + "\n"

    @bentoml.api
    def count(self, file: Path) -> int:
        return len(file.read_bytes())
