"""Models: pictures and texts become unit vectors, in the process or over HTTP.

Nothing here imports ONNX Runtime until a model is first asked for a vector.
"""
