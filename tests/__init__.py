"""The tests; a busy machine is no reason for one of them to fail."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any speed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("any speed")
