"""One model on its way to a signature: the steps that ``score`` and ``instrument`` share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, final

import onnx

from onnx_affscore.asked import OPERATORS
from onnx_affscore.data import open_source
from onnx_affscore.data.columns import fixed_batch
from onnx_affscore.data.masks import token_masks
from onnx_affscore.data.sharing import SharedData
from onnx_affscore.data.source import Data
from onnx_affscore.data.synthetic import first_that_runs
from onnx_affscore.encoding import encoded_source
from onnx_affscore.faults import Faults, first_runnable
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.instrument import Instrumented, expose, instrument
from onnx_affscore.graph.lean import Lean
from onnx_affscore.graph.locate import Located
from onnx_affscore.graph.model import load
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.graph.randomness import draws
from onnx_affscore.graph.resolve import Resolved, resolve
from onnx_affscore.graph.saturation import with_flat_ends
from onnx_affscore.graph.tapping import COUNTED, QUANTITIES
from onnx_affscore.graph.tensors import external_files
from onnx_affscore.graph.token_weights import dependents
from onnx_affscore.graph.weights import set_aside
from onnx_affscore.leaving import TemporaryFolder
from onnx_affscore.local import LocalEngine
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource, Engine, OpenModel, SessionPlan
from onnx_affscore.records import Batch
from onnx_affscore.resume.folder import Kept
from onnx_affscore.run.batching import automatic_size
from onnx_affscore.run.probe import Exposures, Probe, probe

__all__ = ["Measurement"]

_DROPS: Final = (
    "fed one sample alone the model fails, or drops an axis (a Squeeze without axes?): it is run on"
    " {} at least, the last one repeated where there is one left"
)


@final
class Measurement:
    """A model, what its graph says of its inputs, and the engine that runs it.

    Without ``engine`` that is this machine.

    ``encoder_sha256`` is of the file that ``source`` has found states for a decoder in.
    ``least`` is the fewest samples that the model is given, as the probe found.
    ``draws`` are its nodes that draw random numbers.
    ``lost`` are rows of the data that could not be run and were left out, with the reasons.
    ``prepared`` is the model that is tapped: once its sites are located, the loaded one with
    whatever hides an activation opened up. ``kept`` keeps finished batches, by default nothing.
    ``shared`` is what was read of the data for other models.
    ``whole`` keeps all weights in the message, so that it
    can be written to a file or sent to another machine.
    """

    def __init__(
        self,
        model_path: str | Path,
        options: Options,
        engine: Engine | None = None,
        *,
        whole: bool = False,
        shared: SharedData | None = None,
    ) -> None:
        self.options, self.shared = options, shared
        self.engine = LocalEngine(options) if engine is None else engine
        self.model = load(model_path)
        if not whole:
            self._aside = TemporaryFolder()
            self.model = set_aside(self.model, self._aside.path)
        self.prepared = self.model
        self.kept = Kept()
        self.hints = input_hints(self.model.proto)
        self.warnings = list(self.engine.notices)
        self.lost: dict[int, str] = {}
        self.encoder_sha256: str | None = None
        self.least = 1
        self.draws = draws(self.model.proto)

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the model's inputs declare, None where it is open."""
        return fixed_batch(self.hints)

    def located(self) -> Located:
        """Find the sites, those not selected marked with the reason."""
        operators = self.options.operators
        found = find_activations(self.model, self.hints, self.options.asked)
        self.prepared = found.model
        names = {site.activation for site in found.located.sites}
        self.warnings += [
            f"--operators {kind}: the model has none"
            for kind in operators
            if names.isdisjoint(OPERATORS[kind])
        ]
        sites = self.options.selection.apply(found.located.sites, operators=operators)
        return found.selected(sites).located

    def source(self, data: Data) -> DataSource:
        """Open the data; made-up values get their shapes from the first probe that runs."""
        o = self.options
        if o.feeding.encoder is not None:
            encoder = load(o.feeding.encoder)
            self.encoder_sha256 = encoder.info.sha256
            return encoded_source(encoder, data, hints=self.hints, engine=self.engine, options=o)
        return open_source(
            data,
            self.hints,
            samples=o.samples,
            seed=o.seed,
            feeding=o.feeding,
            shared=self.shared,
        )

    def session(
        self, proto: onnx.ModelProto, *, optimisation: str = "all", early: Sequence[str] = ()
    ) -> OpenModel:
        """Open a model on the device of the options, wherever the engine has it."""
        return self.engine.open(
            SessionPlan(
                proto.SerializeToString(),
                folder=self.model.folder,
                external=external_files(proto, self.model.folder),
                optimisation=optimisation,
                early=tuple(early),
                custom_operators=self.options.custom_operators,
            )
        )

    def tapped_session(self, tapped: Instrumented) -> OpenModel:
        """Open a model with taps, which run right behind what they read.

        Lean taps fit the layouts of the runtime's highest level; others would have every tensor
        converted back, all of them kept until the end of the run.
        """
        level = "all" if tapped.lean else "extended"
        return self.session(tapped.proto, optimisation=level, early=tapped.fetches)

    def faults(self, tapped: Instrumented) -> Faults:
        """Return what becomes of samples on which the model with its taps fails."""
        skip = self.options.feeding.on_error == "skip"
        return Faults(self.lost, skip=skip, hints=self.hints, tapped=tapped.tensor_of)

    def first_batch(
        self, source: DataSource, size: int, run: Callable[[Batch], object]
    ) -> Batch | None:
        """Return the first batch, one that runs where failing samples are to be left out."""
        skip = self.options.feeding.on_error == "skip"
        return first_runnable(source, size, run, hints=self.hints, skip=skip)

    def probe(self, source: DataSource, located: Located) -> tuple[DataSource, Probe]:
        """Run the model on a sample or two to learn shapes, types and what the batch does."""
        exposed = expose(self.prepared.proto, _tensors(located), located.places)
        session = self.session(exposed.proto)
        outputs = tuple(exposed.shapes.values())

        def run(batch: Batch) -> object:
            return session.run(outputs, batch.feeds)

        source = first_that_runs(source, run)
        probed = probe(
            session,
            Exposures(exposed.shapes, exposed.dtypes, exposed.stacked),
            lambda n: self.first_batch(source, n, run),
            fixed=self.fixed_batch,
        )
        self.least = probed.least
        if probed.least > 1:
            self.warnings.append(_DROPS.format(probed.least))
        return source, probed

    def resolved(self, located: Located, source: DataSource, probed: Probe) -> Resolved:
        """Settle the axes of every tensor to be tapped."""
        masks = token_masks(source, self.hints)
        carriers = [mask.carrier for mask in masks if mask.carrier is not None]
        found = resolve(
            located,
            probed.tensors,
            batched=probed.batch_size is None,
            forced_feature_axis=self.options.feature_axis,
            pool=self.options.pool,
            masks=masks,
            dependents=dependents(self.prepared.proto.graph, carriers),
        )
        return replace(found, layouts=with_flat_ends(found.sites, found.layouts))

    def instrumented(
        self, located: Located, resolved: Resolved, lean: Lean | None = None
    ) -> Instrumented:
        """Return the model with its taps."""
        counted = self.options.sparsity != "none"
        return instrument(
            self.prepared.proto,
            resolved.layouts,
            places=located.places,
            derived=located.derived,
            pool=self.options.pool,
            quantities=[q for q in QUANTITIES if counted or q not in COUNTED],
            seed=self.options.seed,
            lean=lean,
        )

    def batch_size(self, probed: Probe) -> int:
        """Return the samples of a run: the model's only size, the user's choice, or a guess."""
        wanted = self.options.batch_size
        if probed.batch_size is None:
            return wanted or automatic_size(probed.tensors.values())
        if wanted not in (None, probed.batch_size):
            self.warnings.append(
                f"the model takes batches of {probed.batch_size}: --batch-size {wanted} ignored"
            )
        return probed.batch_size


def _tensors(located: Located) -> list[str]:
    """The tensors of the graph that are to be tapped."""
    chosen = [s for s in located.sites if s.unscored is None]
    names = [name for s in chosen for name in (s.input, s.output)]
    return [name for name in names if name not in located.derived]
