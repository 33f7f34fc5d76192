"""The figures: a module each, with a function of its name that is the command ``labelpolicy figure NAME``."""
