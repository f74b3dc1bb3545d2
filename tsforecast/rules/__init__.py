"""Rules of the rule-based forecaster: read from YAML and checked (``parse``), converted to scaled units (``resolve``).

Imports no Keras; ``parse`` imports no NumPy either, as every command reads it before it knows its job.
"""
