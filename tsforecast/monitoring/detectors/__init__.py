"""Detectors, one file each; each is fed rows or blocks in order, and says where its condition holds."""
