"""The wizard of `signals load --guess`: a mapping proposed from headings and values, and what is unsure of it."""
