"""Model formats: each module reads files into layers and writes layers to files."""
