"""Data models and the parameters of one device (TR-106): definitions, values and planned changes (floor 0)."""

__all__ = [
    "builder",
    "identifiers",
    "inform_parameters",
    "model_json",
    "names",
    "plan",
    "planning",
    "resolve",
    "restore",
    "schema",
    "sources",
    "tree",
    "vendor_parameter",
]
