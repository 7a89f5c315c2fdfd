"""Memory that is freed stays with the process, for the next image needs as much.

glibc gives what is freed at the top of its heap, and every large array, back to the system at once; the pages are
then fetched and cleared anew for each image, which takes as long as a third of the geometry.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3), in bytes
LARGEST = 32 << 20  # an array up to this comes from the heap; glibc takes no more
KEPT = 256 << 20  # so much may lie free at the heap's end


def keep() -> None:
    """Set this for the whole process; where the C library is not glibc, nothing is done."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # Windows, macOS, musl
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST)
    mallopt(M_TRIM_THRESHOLD, KEPT)
