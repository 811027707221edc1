"""Properties are tried on few examples, and without a deadline: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("data", max_examples=40, deadline=None)
settings.load_profile("data")
