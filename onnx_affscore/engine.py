"""Choose who works for a measurement: this machine, or a cluster."""

from onnx_affscore.options import Options
from onnx_affscore.protocols import Engine

__all__ = ["open_engine"]


def open_engine(options: Options) -> Engine:
    """Return the cluster that the options name, or this machine.

    Raises :class:`~onnx_affscore.errors.ClusterError` where the cluster cannot be reached, and
    :class:`~onnx_affscore.errors.MissingExtraError` where the package that talks to it is not
    installed.
    """
    if options.cluster is None:
        from onnx_affscore.local import LocalEngine

        return LocalEngine(options)
    from onnx_affscore.cluster import connect

    return connect(options)
