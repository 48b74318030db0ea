"""The machine that the agent runs on: its clocks, boots and values, and the files of its data model (floor 1)."""

__all__ = ["clock", "function_provider", "linux", "machine", "model_cache", "models", "provider", "url_file"]
