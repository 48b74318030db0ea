"""What transferred files do to a device: who applies and writes files of which type."""

__all__ = [
    "by_type",
    "configuration_file",
    "configuration_text",
    "firmware_table",
    "own_table",
    "vendor_config_files",
    "vendor_log_files",
]
