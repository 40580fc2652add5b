"""A static look at an app's PHP for what the known causes of leaks look like in source."""

from harness.review.inspection import inspect_folder

__all__ = ["inspect_folder"]
