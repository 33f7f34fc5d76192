"""Learned label weights and decision thresholds for multi-label classification."""

__version__ = "0.1.0"
