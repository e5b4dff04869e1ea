"""Drawn cats and dogs with exact labels, and the keypoint network that learns from nothing else.

No photograph, no pretrained weight: animals, people, things and places are all drawn here.
"""
