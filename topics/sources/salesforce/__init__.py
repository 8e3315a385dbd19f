"""Salesforce: how its change events and its records are read, and what each entity becomes. The rules: `changes`."""

from topics.sources.salesforce.parsing import parse, parser

__all__ = ["parse", "parser"]
