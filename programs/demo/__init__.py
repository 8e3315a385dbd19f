"""The demo: the whole product on one machine, fed by a simulated sales team whose clock runs fast."""
