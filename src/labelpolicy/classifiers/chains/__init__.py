"""Classifiers that model the dependence of labels on top of another classifier's encoder (docs/chains.md)."""
