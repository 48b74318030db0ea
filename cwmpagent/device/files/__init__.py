"""What the machine does with transferred files: the programs of ``[hooks]`` that apply them (floor 1)."""

__all__ = ["hook_installer", "program"]
