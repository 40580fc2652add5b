"""The history as a static site: pages that link to each other, open from disk and ask the network for nothing."""
