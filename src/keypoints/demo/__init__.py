"""The demo: a page on which a visitor's own browser runs a network on his photo."""
