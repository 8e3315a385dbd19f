"""The wiring: one short file per program, and the command line."""
