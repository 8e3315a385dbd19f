"""Roll-ups: what a lead sees of a team, and a manager of the forecast. Of the deals' views, whoever detected what."""
