"""onnxruntime, loaded here alone: it would tell its maker of every network that it opens.

Since 1.29 its Linux builds send names and hashes of models from a file in the user's cache, unless this variable stands
in the environment before the library is loaded; `disable_telemetry_events` comes too late for that.
https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
