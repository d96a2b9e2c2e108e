"""Where models run: in this process, or in workers of a Ray cluster."""
