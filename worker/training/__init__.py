"""The model builder's path: from labelled clips to a calibrated bundle and its card.

Stands on the pipeline (features are what it serves); the worker and the API never import it.
"""
