"""A target and its instruments (rig), and the three stages on them: screen, load (conduct), name."""
