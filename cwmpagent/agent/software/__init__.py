"""Software modules: ChangeDUState, its work and its reports, and the tables of Device.SoftwareModules."""

__all__ = ["change_du_state", "execution", "files", "operations", "records", "reports", "tables"]
