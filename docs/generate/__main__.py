"""`python -m docs.generate` writes the generated pages, for Sphinx to read."""

from pathlib import Path

from docs.generate import write_pages

write_pages(Path(__file__).parent.parent)
