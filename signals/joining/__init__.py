"""What is keyed by something other than a deal, on its way to the deals: activities, ties, people, accounts, owners.

A record (`records`, with its two sorts in `targets`) tells those whom it concerns; a hub (`hubs`, `stories`,
`speakers`) tells the deals tied to it; `joiner` is all of it over a keyed store. `docs/decisions/join.md` says why.
"""
