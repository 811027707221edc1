"""Learn from many modalities, any of which may be missing, for many tasks at once."""

__version__ = "0.1.0"

__all__ = ["__version__"]
