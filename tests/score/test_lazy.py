"""A lazy property is computed once, and no instance waits for another."""

from threading import Barrier, Thread

from onnx_affscore.score.lazy import lazy


class Square:
    """The square of a side."""

    def __init__(self, side: float, meeting: Barrier | None = None) -> None:
        self.side, self.meeting, self.computed = side, meeting, 0

    @lazy
    def area(self) -> float:
        """The area."""
        self.computed += 1
        if self.meeting is not None:
            self.meeting.wait(timeout=30)
        return self.side**2


def test_it_is_computed_once_and_keeps_its_docstring() -> None:
    square = Square(3.0)
    assert [square.area, square.area, square.computed] == [9.0, 9.0, 1]
    assert Square.area.__doc__ == "The area."


def test_two_instances_compute_at_the_same_time() -> None:
    meeting = Barrier(2)  # a lock around both would keep them from ever meeting
    squares = [Square(2.0, meeting), Square(3.0, meeting)]
    threads = [Thread(target=lambda s=s: s.area) for s in squares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [s.computed for s in squares] == [1, 1]
    assert not meeting.broken
