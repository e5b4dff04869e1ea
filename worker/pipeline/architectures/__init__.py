"""Networks that a learned bundle can hold, and their export: the only modules that need torch.

`inputs` says what goes in and knows no torch: inference runs on ONNX Runtime.
"""
