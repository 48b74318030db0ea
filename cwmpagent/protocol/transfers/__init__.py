"""Transfers of files between the device and a server: values and rules (TR-069 A.3.2.8, A.4.1.5, A.4.1.7)."""

__all__ = [
    "applied_file",
    "failures",
    "file",
    "firmware_image",
    "ftp",
    "listed_type",
    "moment",
    "record",
    "retry",
    "url",
    "window",
]
