"""The wire: what travels, and under which name. Pure; imports no other package of the product."""
