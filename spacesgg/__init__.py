"""Spatial relations and training text from RGB images and depth."""

import os

# The matrices here are small: threads of NumPy's OpenBLAS would spend more time waiting for each other than they
# save, and so would those of several workers on one machine. NumPy reads this when it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Of a damaged file OpenCV prints lines that do not say which it is; the list of failures does.
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
