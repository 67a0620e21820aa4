"""Running models; the only folder that imports onnxruntime."""
