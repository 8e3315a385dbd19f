"""Loads of a source's files: what is read, what comes too late, how it is written."""
