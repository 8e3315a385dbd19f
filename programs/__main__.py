"""`python -m programs` is the `signals` command: `up` starts its children with it."""

from programs.cli import main

main()
