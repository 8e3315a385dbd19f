"""Grafana dashboards and Prometheus rules, generated from code."""
