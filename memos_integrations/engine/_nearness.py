"""How near vectors are to each other: cosines, by NumPy where it is installed, else in plain Python. Computes only."""

import sys
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from operator import mul
from typing import Any, Final

__all__ = ["clipped", "cosines", "spread"]

_TOGETHER: Final = 4096  # vectors that are widened to float64 at a time
_DIGITS: Final = 9
"""Both ways add in another order; what differs beyond these digits is no difference."""


def cosines(vector: bytes, others: Sequence[bytes]) -> list[float]:
    """The cosine of `vector` to each of the `others`; all normalised, of one length, as float32."""
    if not others:
        return []
    numpy = _numpy()
    return _plainly(vector, others) if numpy is None else _by_numpy(numpy, vector, others)


def clipped(cosine: float) -> float:
    """A cosine as a relativity, 0..1."""
    return min(1.0, max(0.0, cosine))


def spread(values: Sequence[float]) -> Callable[[float], float]:
    """A function from the values' own range to 0..1; where all are equal, to a half."""
    least, most = min(values, default=0.0), max(values, default=0.0)
    return lambda value: (value - least) / (most - least) if most > least else 0.5


def _plainly(vector: bytes, others: Sequence[bytes]) -> list[float]:
    numbers = _numbers(vector)
    return [round(sum(map(mul, numbers, _numbers(other))), _DIGITS) for other in others]


def _numbers(vector: bytes) -> "array[float]":
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _by_numpy(numpy: Any, vector: bytes, others: Sequence[bytes]) -> list[float]:
    numbers = numpy.frombuffer(vector, "<f4").astype("f8")
    found: list[float] = []
    for start in range(0, len(others), _TOGETHER):
        part = b"".join(others[start : start + _TOGETHER])
        rows = numpy.frombuffer(part, "<f4").astype("f8").reshape(-1, len(numbers))
        found += numpy.round(rows @ numbers, _DIGITS).tolist()
    return found


@cache
def _numpy() -> Any:
    """NumPy, loaded when first needed; None without it."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy
