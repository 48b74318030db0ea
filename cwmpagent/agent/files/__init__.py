"""Transferred files: who fetches and sends them, and who applies and writes files of which type."""

__all__ = [
    "by_scheme",
    "by_type",
    "configuration_file",
    "configuration_text",
    "firmware_table",
    "own_table",
    "vendor_config_files",
    "vendor_log_files",
]
