"""An experiment's figure as SVG text, drawn by ``report.figures``."""

from onnx_affscore.paper.outcome import Figure

__all__ = ["svg"]


def svg(figure: Figure) -> str:
    """Return the figure as an SVG document; needs the extra ``plot``."""
    from onnx_affscore.report.figures import FIGURES, image_bytes

    drawn = FIGURES[figure.kind].draw(**figure.data)
    return image_bytes(drawn, ".svg").decode("utf-8")
