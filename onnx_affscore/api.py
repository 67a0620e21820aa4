"""The Python interface: ``signature`` and ``sites``, thin over :mod:`onnx_affscore.measure`."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from onnx_affscore.asked import Asked, parse_operators
from onnx_affscore.data.sharing import SharedData
from onnx_affscore.data.source import Data
from onnx_affscore.errors import AffscoreError, OutputError
from onnx_affscore.features import SaveFeatures
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.annotate import Annotated, annotate, with_nodes_of
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.model import load, save
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.measure import Progress, measure
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.records import ActivationSite, FloatArray, Signature, Skipped
from onnx_affscore.selection import Selection, parse_roles

__all__ = ["annotated", "instrumented", "placed", "signature", "sites"]

T = TypeVar("T")


def signature(
    model: str | Path,
    data: Data = None,
    *,
    progress: Progress | None = None,
    influence: str | Path | None = None,
    save_features: str | Path | None = None,
    shared: SharedData | None = None,
    **options: Any,
) -> Signature:
    """Return the non-linearity signature of a model on data.

    Parameters
    ----------
    model
        Path of the ONNX file; it is never written to.
    data
        An array for a model with one input, a mapping of input names to arrays (rows are
        samples), an iterable of such mappings, a specification as of ``--data``, or None for
        made-up values.
    progress
        Called with the samples done and the total (None where it is not known).
    influence
        A ``.npz`` file to write, with what every sample contributes to every score: two
        signatures on the same data are then compared sample by sample.
    save_features
        A ``.npz`` or ``.safetensors`` file to write, with the features before and behind every
        scored site, see :mod:`onnx_affscore.report.features_file`.
    shared
        What was read of the data for other models: see :func:`onnx_affscore.signatures`.
    **options
        The fields of :class:`onnx_affscore.options.Options` (``samples``, ``batch_size``,
        ``seed``, ``device``, ``covariance``, ...), and ``roles`` (comma-separated), ``include``
        and ``exclude`` (regular expressions). ``provider_options`` may be a mapping.
        ``operators`` (``("residual",)``, or comma-separated), ``probes`` (``["IN:OUT"]``) and
        ``composition`` ask for sites that are no activations.

    Raises
    ------
    NothingToScoreError
        The model has no activation, or none is selected.
    ModelError, DataError, RunError, OptionError
        The model, the data, the runtime or an option are at fault; the message says how.
    OutputError
        ``influence`` or ``save_features`` cannot be written; the error has the signature.

    Notes
    -----
    Per activation, X and Y being its pooled inputs and outputs, (n, d) arrays,

    .. math:: \\rho(X, Y) = 1 - W_2(T_{aff} X, Y) / \\sqrt{2 \\operatorname{Tr} \\Sigma_Y}

    [1]_, definition 3.6. A constant side makes the score degenerate: null, with the reason.

    References
    ----------
    .. [1] Bouniot et al., From Alexnet to Transformers, CVPR 2025, arXiv 2310.11439.
    """
    selection = Selection(
        roles=parse_roles(options.pop("roles", None)),
        include=options.pop("include", None),
        exclude=options.pop("exclude", None),
    )
    options["operators"] = parse_operators(options.pop("operators", None))
    options["probes"] = tuple(options.pop("probes", ()))
    options["provider_options"] = _settings(options.pop("provider_options", ()))
    feeding = Feeding.taken(options)
    chosen = Options(
        selection=selection, feeding=feeding, influence=influence is not None, **options
    )
    kept: dict[str, FloatArray] = {}
    unwritten: list[Exception] = []
    save: SaveFeatures | None = None
    if save_features is not None:
        from onnx_affscore.report import features_file

        features_file.check_features_path(save_features)
        save = _noting(unwritten, partial(features_file.save_features, save_features))
    if influence is not None:
        from onnx_affscore.report.influence import check_influence_path, write_influence

        check_influence_path(influence)
    found = measure(
        model,
        data,
        options=chosen,
        progress=progress,
        keep=None if influence is None else kept.__setitem__,
        save=save,
        shared=shared,
    )
    if influence is not None:
        named = {s.name: kept[s.name] for s in found.sites if s.name in kept}
        _noting(unwritten, partial(write_influence, influence, found))(named)
    if unwritten:
        raise OutputError("; ".join(map(str, unwritten)), signature=found) from unwritten[0]
    return found


def _noting(failed: list[Exception], write: Callable[[T], object]) -> Callable[[T], None]:
    """Let a file that cannot be written wait until all else is done."""

    def attempt(content: T) -> None:
        try:
            write(content)
        except (AffscoreError, OSError) as exc:
            failed.append(exc)

    return attempt


def _settings(options: Mapping[str, object] | Iterable[str]) -> tuple[str, ...]:
    if isinstance(options, Mapping):
        return tuple(f"{key}={value}" for key, value in options.items())
    return tuple(options)


def sites(
    model: str | Path,
    *,
    operators: str | Iterable[str] | None = None,
    probes: Iterable[str] = (),
    composition: bool = False,
    composition_from: str | None = None,
) -> tuple[tuple[ActivationSite, ...], tuple[Skipped, ...]]:
    """Return the activation sites of a model in execution order, and the skipped look-alikes.

    With ``operators``, ``probes`` and ``composition`` also the sites that these ask for, see
    :class:`onnx_affscore.asked.Asked`. Runs no data.
    Raises :class:`~onnx_affscore.errors.ModelError` where the file is no model, and
    :class:`~onnx_affscore.errors.OptionError` where a tensor is asked for that it does not have.
    """
    asked = Asked(
        operators=parse_operators(operators),
        probes=tuple(probes),
        composition=composition,
        composition_from=composition_from,
    )
    loaded = load(model)
    located = find_activations(loaded, input_hints(loaded.proto), asked).located
    return located.sites, located.skipped


def instrumented(
    model: str | Path,
    output: str | Path,
    data: Data = None,
    *,
    roles: str | None = None,
    **options: Any,
) -> dict[str, tuple[str, ...]]:
    """Write a copy of the model with its pooling taps; return the added outputs by tensor.

    The copy has the model's opset, IR version, inputs, outputs and weights. Where the weights lie
    in external files it must be written beside them. ``options`` are fields of
    :class:`onnx_affscore.options.Options`.
    """
    feeding = Feeding.taken(options)
    chosen = Options(selection=Selection(roles=parse_roles(roles)), feeding=feeding, **options)
    measurement = Measurement(model, chosen, whole=True)
    located = measurement.located()
    source, probed = measurement.probe(measurement.source(data), located)
    tapped = measurement.instrumented(located, measurement.resolved(located, source, probed))
    save(tapped.proto, output, like=measurement.model)
    names: dict[str, tuple[str, ...]] = {}
    for (tensor, _quantity), tap in tapped.taps.items():
        names[tensor] = (*names.get(tensor, ()), *tap.fetches)
    return names


def annotated(
    model: str | Path, signature: Signature, output: str | Path, *, force: bool = False
) -> Annotated:
    """Write a copy of the model whose nodes have the scores of ``signature`` in their metadata.

    The keys are those of :mod:`onnx_affscore.graph.annotate`; weights, inputs, outputs, opset and
    IR version stay. Where the weights lie in external files the copy must be written beside them.
    Raises :class:`~onnx_affscore.errors.ModelError` where the signature is of another file,
    unless ``force`` is given.
    """
    loaded = load(model)
    done = annotate(loaded, signature, force=force)
    save(done.proto, output, like=loaded)
    return done


def placed(model: str | Path, signature: Signature) -> Signature:
    """Return the signature with the nodes that the model's file itself has, for overlays.

    Where a function or a fused operator holds the activation, its site names nodes that are not in
    the file; here it names the call or the operator. Raises
    :class:`~onnx_affscore.errors.ModelError` where the signature is of another file.
    """
    return with_nodes_of(load(model), signature)
