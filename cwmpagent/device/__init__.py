"""Access to the machine of the agent: its clocks, boots, live parameter values and data model files (floor 1)."""

__all__ = [
    "clock",
    "files",
    "function_provider",
    "linux",
    "machine",
    "model_cache",
    "models",
    "provider",
    "software",
    "url_file",
]
