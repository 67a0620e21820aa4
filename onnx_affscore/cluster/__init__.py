"""Many machines as the engine, by Dask distributed; the only folder that imports it."""

from onnx_affscore.errors import MissingExtraError
from onnx_affscore.options import Options
from onnx_affscore.protocols import Engine

__all__ = ["connect"]


def connect(options: Options) -> Engine:
    """Connect to the scheduler that the options name.

    Raises :class:`~onnx_affscore.errors.ClusterError` where it does not answer within seconds.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as exc:
        raise MissingExtraError("distributed", extra="cluster", purpose="--cluster") from exc
    from onnx_affscore.cluster.engine import ClusterEngine

    return ClusterEngine(options)
