"""The project page: one HTML file that tells what a run did, from its data and outputs alone."""
