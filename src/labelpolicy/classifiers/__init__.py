"""Classifiers, a module or package each, and what trains them; :mod:`labelpolicy.classifiers.registry` finds them."""
