"""A simulated sales team: what it sells, how it works, and what its CRM sends about it."""
