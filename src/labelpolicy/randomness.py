"""Seeds: one number from the user, an independent stream for every purpose."""

import hashlib

import numpy as np


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, the same on every machine and Python.

    Streams of different purposes are independent, so that adding a draw in one place (say, a new
    classifier's initial values) never shifts the draws in another (say, the order of the batches).
    """
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose."""
    return np.random.default_rng(derive(seed, *purpose))
