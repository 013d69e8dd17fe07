"""``python -m ngym_core`` is the `ngym` command."""

from ngym_core.cli import main

main()
