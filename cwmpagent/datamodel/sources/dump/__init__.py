"""Dumps of real devices, as an ACS exports them, in CSV and JSON."""

__all__ = ["csv_reader", "json_reader"]
