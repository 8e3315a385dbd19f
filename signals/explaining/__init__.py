"""Why something was said of a deal, what would end it, and what is missing where nothing was said. Pure."""
