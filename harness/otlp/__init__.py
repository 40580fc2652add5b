"""Metrics of a run for an OpenTelemetry collector, and for all that takes OTLP as one does."""
