"""What the enclave says of a submission, one byte each; the values are those on the wire."""

from enum import IntEnum


class Outcome(IntEnum):
    """CLEAR and MATCH are the one bit. The others say why there is none."""

    CLEAR = 0
    MATCH = 1
    MISMATCH = 2  # the sender's key, body and commitment do not belong together
    UNREADABLE = 3  # the sender's capsule does not open, or is of another size
    OTHER_KEY = 4  # sealed to a key of before the enclave was started anew
    NO_LIST = 5  # the enclave has no list of that epoch (yet)
