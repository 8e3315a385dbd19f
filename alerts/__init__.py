"""The voice: who hears what, when, in which words; and the one place that speaks to Slack."""
