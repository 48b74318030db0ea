"""Parameters of one device: reading from providers, atomic changes, and the names in answers."""

__all__ = [
    "access",
    "answer_names",
    "answer_size",
    "changes",
    "masked_values",
    "provider_calls",
    "provider_rows",
    "provider_values",
    "refresh",
    "transaction",
]
