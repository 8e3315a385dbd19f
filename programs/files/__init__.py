"""Files of tables to raw records: formats, lookups, order, snapshots, what is remembered between loads."""
