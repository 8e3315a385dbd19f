"""The machinery: record batches through Faust, state, topics, the embedded broker. Knows nothing of deals."""
