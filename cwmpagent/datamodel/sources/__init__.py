"""Readers of data model files: each declares the content of a file to a model builder."""

__all__ = ["bbf", "dump", "toml_reader"]
