"""One graph of a model with what was found in it: what the walk hands to the description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from onnx_affscore.graph.context import Context
from onnx_affscore.graph.layout import Layouts
from onnx_affscore.graph.recurrent import RecurrentActivation
from onnx_affscore.graph.search import Found, Search
from onnx_affscore.graph.view import GraphView, Step

__all__ = ["Activation", "InRecurrent", "Level", "Place", "Probe"]


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor of a subgraph is: the steps that lead there, and its name in that graph."""

    path: tuple[Step, ...]
    name: str
    dtype: str
    loops: int
    rank: int | None = None


@final
@dataclass(frozen=True, slots=True)
class InRecurrent:
    """An activation inside the recurrent operator at a position."""

    position: int
    activation: RecurrentActivation

    @property
    def nodes(self) -> tuple[int, ...]:
        """The operator that holds it."""
        return (self.position,)

    @property
    def output(self) -> str:
        """What it puts out, computed outside the graph."""
        return self.activation.output.name


@final
@dataclass(frozen=True, slots=True)
class Probe:
    """Two tensors to compare that are not the ends of an activation.

    ``nodes`` are the operators between them, or those that make them; its name is ``name``, else
    the module path of ``nodes`` with ``label`` behind it. ``unscored``: why it cannot be measured.
    """

    input: str
    output: str
    nodes: tuple[int, ...]
    activation: str
    label: str = ""
    name: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    unscored: str | None = None


Activation: TypeAlias = Found | InRecurrent | Probe


@final
@dataclass(frozen=True, slots=True)
class Level:
    """One graph with what was found in it."""

    view: GraphView
    context: Context
    layouts: Layouts
    found: tuple[Found, ...]
    search: Search
