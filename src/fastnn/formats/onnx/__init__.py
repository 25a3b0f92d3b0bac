"""ONNX files: a graph is read into dense layers, whatever its operators are, and layers are written as one.

`read` and `write` are what the rest of fastnn calls. `graph` is a file, as it says of itself; `read` takes
its nodes through the operators of `activations`, `arithmetic`, `shapes` and `passive`, on `affine` tensors.
"""
