"""What the user says of the data besides where they are: labels, and what to do with bad rows."""

from dataclasses import dataclass
from typing import Final, final

from onnx_affscore.errors import OptionError

__all__ = ["ON_ERROR", "Feeding"]

ON_ERROR: Final = ("stop", "skip")
"""What becomes of a run at a row that cannot be read: it ends, or it goes on without the row."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Feeding:
    """How files become the rows that a model is fed, where neither of them says.

    ``label`` names what holds the class of each row (an array of an archive, a column of a table);
    ``stratify`` draws samples so that classes keep their shares. ``on_error`` is one of
    :data:`ON_ERROR`. ``columns`` names the columns of a table that are fed, by names, numbers and
    ranges of numbers.
    """

    label: str | None = None
    stratify: bool = False
    on_error: str = "stop"
    columns: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that no option takes."""
        if self.on_error not in ON_ERROR:
            raise OptionError(f"no on_error {self.on_error!r}; wanted one of {', '.join(ON_ERROR)}")
