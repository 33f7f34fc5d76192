"""Corpora: one reader each, all into the one prepared form."""
