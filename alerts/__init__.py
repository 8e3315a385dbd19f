"""The voice: who hears what, when, and how it is said. Imports `topics` and `playbook`; never `signals`."""
