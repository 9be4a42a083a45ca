"""Damage to files, for tests that a reader copes with any."""

import random

TOKENS = [
    *(
        b"nan",
        b"1e999",
        b"-1",
        b"3.0",
        b"null",
        b"true",
        b"99999999999999999999",
        b"test/0000.jpg",
        b"PredictionString",
    ),
    *(b",", b'"', b"\n", b"\r\n", b" ", b"\t", b"{", b"}", b"}, {", b"[", b"]", b":", b"\\u", b"\xff", b"\x00"),
]


def mangled(content: bytes, rng: random.Random) -> bytes:
    """The content after one to four random edits: bytes taken out, put in, changed, repeated, or its end cut off."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(damaged))
        stop = min(len(damaged), start + rng.randint(1, 8))
        kind = rng.choice(["out", "in", "in", "byte", "repeat", "cut"])
        if kind == "out":
            del damaged[start:stop]
        elif kind == "in":
            damaged[start:start] = rng.choice(TOKENS)
        elif kind == "byte":
            damaged[start:stop] = bytes(rng.randrange(32, 127) for _ in range(start, stop))
        elif kind == "repeat":
            damaged[start:stop] *= 2
        elif rng.random() < 0.2:
            del damaged[start:]
    return bytes(damaged)
