"""One file per family of signals, and the tuple of them all."""
