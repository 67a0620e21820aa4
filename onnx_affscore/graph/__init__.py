"""Finding and exposing activations in ONNX graphs; the only folder that imports onnx."""
