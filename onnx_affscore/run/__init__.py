"""Running models; the only folder that imports onnxruntime."""

import os

# Before the runtime is imported: from then on its builds of 2026 keep a number for the machine in
# the user's cache and tell Microsoft of processes and models, on Linux and macOS as on Windows.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
