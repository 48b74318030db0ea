"""Parameters of one device: read from its providers, changed as a whole or not at all, named in answers."""

__all__ = [
    "access",
    "answer_names",
    "changes",
    "masked_values",
    "provider_calls",
    "provider_rows",
    "provider_values",
    "refresh",
    "transaction",
]
