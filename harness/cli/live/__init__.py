"""What a person sees while something is measured: one screen that is redrawn, or plain lines."""

from harness.cli.live.view import LiveView, Watched

__all__ = ["LiveView", "Watched"]
