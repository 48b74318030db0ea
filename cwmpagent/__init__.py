"""cwmpagent: a TR-069 (CWMP) management agent on Twisted."""
