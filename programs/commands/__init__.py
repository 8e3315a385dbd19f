"""One file per command or group of commands; the command line lists them."""
