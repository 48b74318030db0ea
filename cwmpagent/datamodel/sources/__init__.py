"""Sources of data models: bytes of a file in, declarations for a model builder out."""

__all__ = ["bbf", "dump", "toml_reader"]
