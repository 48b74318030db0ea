"""Readers of dumps of real devices, as exported by an ACS, in CSV and JSON."""

__all__ = ["csv_reader", "fidelity", "json_reader"]
