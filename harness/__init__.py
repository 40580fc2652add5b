"""hyperleak: reproduces memory leaks in resident PHP services and names what holds the memory."""

__version__ = "0.1.0"
