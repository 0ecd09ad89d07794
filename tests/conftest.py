"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# A machine that is busy, or stands still for a while, is no fault of what is tested.
settings.register_profile("rowbatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rowbatch")
