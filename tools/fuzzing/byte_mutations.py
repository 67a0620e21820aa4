"""Ways to damage any file: bits flipped, pieces cut off, cut out, repeated or put elsewhere."""

from random import Random

__all__ = ["damaged"]


def damaged(rng: Random, content: bytes, other: bytes) -> bytes:
    """Return the bytes after one to four random damages; splices take from ``other``."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        size = len(data)
        at = rng.randrange(size + 1)
        span = rng.choice((1, 2, 8, 64, max(size // 10, 1)))
        what = rng.randrange(7)
        if what == 0 and size:
            for _ in range(rng.choice((1, 3, 30))):
                data[rng.randrange(size)] ^= 1 << rng.randrange(8)
        elif what == 1:
            del data[at:]
        elif what == 2:
            del data[at : at + span]
        elif what == 3:
            data[at:at] = data[at : at + span]
        elif what == 4:
            start = rng.randrange(len(other) + 1)
            data[at:at] = other[start : start + span]
        elif what == 5:
            data[at : at + span] = bytes([rng.choice((0, 0x7F, 0x80, 0xFF))]) * span
        else:
            # In the first bytes stand headers: tags, lengths, magic numbers.
            data[rng.randrange(min(size, 64)) if size else 0 :][:1] = bytes([rng.randrange(256)])
            data[: min(size, 4)] = rng.randbytes(min(size, 4)) if rng.random() < 0.1 else data[:4]
    return bytes(data)
