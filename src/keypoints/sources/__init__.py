"""One reader per public format, and the renderer that writes the same formats."""
