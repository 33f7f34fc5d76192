"""A policy whose action is a document's whole set of labels, learned on the scores of any classifier."""
