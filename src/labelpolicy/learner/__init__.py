"""Training policies (label weights) and prediction policies (decision thresholds)."""
