"""``python -m onnx_affscore``: the command line."""

from onnx_affscore.cli.main import run

if __name__ == "__main__":
    run()
