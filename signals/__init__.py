"""The brain: per-deal state, detectors, baselines, indicators. Pure; imports `topics` and `playbook`."""
