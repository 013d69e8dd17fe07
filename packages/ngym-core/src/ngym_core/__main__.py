"""Entry point of ``python -m ngym_core``, which runs the `ngym` command."""

from ngym_core.cli import main

main()
