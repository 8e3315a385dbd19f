"""Grafana dashboards and Prometheus rules, generated from code: `python -m boards` writes boards/generated/."""
