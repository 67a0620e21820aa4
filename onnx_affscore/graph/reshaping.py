"""Carry the letters of a layout through a reshape, by matching runs of axes of equal size."""

from collections.abc import Sequence

__all__ = ["merged", "reshaped", "split"]


def reshaped(before: str, old: Sequence[int | str | None], new: Sequence[int | str | None]) -> str:
    """Carry letters through a reshape by matching runs of axes of equal size.

    Axes of size 1 hold nothing and are matched last. Symbolic dimensions match where their names
    do; one run that cannot be matched takes what is left over on both sides.
    """
    kept = [i for i, d in enumerate(old) if d != 1]
    wide = [j for j, d in enumerate(new) if d != 1]
    carried = _matched(
        "".join(before[i] for i in kept), [old[i] for i in kept], [new[j] for j in wide]
    )
    letters = ["S"] * len(new)
    for j, letter in zip(wide, carried, strict=True):
        letters[j] = letter
    if "N" not in letters and new and new[0] == 1 and before[:1] == "N":
        letters[0] = "N"  # a batch of one
    return "".join(letters)


def _matched(before: str, old: Sequence[int | str | None], new: Sequence[int | str | None]) -> str:
    front: list[str] = []
    i = j = 0
    while i < len(old) and j < len(new):
        run = _run(old[i:], new[j:])
        if run is None:
            break
        a, b = run
        front.append(_mixed(before[i : i + a], b))
        i, j = i + a, j + b
    back: list[str] = []
    k, m = len(old), len(new)
    while k > i and m > j:
        run = _run(old[i:k][::-1], new[j:m][::-1])
        if run is None:
            break
        a, b = run
        back.insert(0, _mixed(before[k - a : k], b))
        k, m = k - a, m - b
    middle = _carried(before[i:k], m - j) if i < k else "S" * (m - j)
    return "".join(front) + middle + "".join(back)


def _carried(letters: str, parts: int) -> str:
    """Letters of axes whose sizes are not known: as they are where there are as many axes."""
    return letters if len(letters) == parts else _mixed(letters, parts)


def _mixed(letters: str, parts: int) -> str:
    """Letters of a run of axes made one, and split again."""
    if len(letters) == parts == 1:
        return letters
    return split(merged(letters), parts) if parts else ""


def _run(
    old: Sequence[int | str | None], new: Sequence[int | str | None]
) -> tuple[int, int] | None:
    """Return the shortest runs at the start of both shapes that hold equally many elements."""
    if old[0] is not None and old[0] == new[0]:
        return 1, 1
    a = b = 0
    left = right = 1
    while True:
        if left <= right:
            if a >= len(old) or not isinstance(old[a], int):
                return None
            left *= int(str(old[a]))
            a += 1
        else:
            if b >= len(new) or not isinstance(new[b], int):
                return None
            right *= int(str(new[b]))
            b += 1
        if left == right and a and b:
            return a, b


def merged(letters: str) -> str:
    """Return the letter of several axes made one: samples in front win, else features."""
    if letters.startswith("N"):
        return "N" if "C" not in letters else "?"
    return next((c for c in "NC" if c in letters), "S") if "N" not in letters else "?"


def split(letter: str, parts: int) -> str:
    """Return the letters of one axis made several: samples are the outermost of them."""
    return "N" + "S" * (parts - 1) if letter == "N" else letter * parts
