"""Adapters of the machine for transferred files: programs that apply them, and their content (floor 1)."""

__all__ = ["configuration_key", "hook_images", "hook_installer", "log_source", "program", "whole_file"]
