"""The definitions: what a stage, an SQL, a corridor, an owner, a response is. Pure; imports `topics` at most."""
