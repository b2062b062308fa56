"""TenSEAL (on Microsoft SEAL), asked for all distances to a list.

The layout that suits it best: each bit of the hash is one ciphertext that says so in every slot,
and 4,096 entries' bits in the same column are one plaintext, which TenSEAL encodes at each use. BFV
with 4,096 slots and SEAL's own modulus for 128 bits (classical), two threads.
See `distances_peer` for what is read and printed.
"""

import importlib.metadata

import distances_peer
import tenseal


class TenSeal:
    security = "SEAL's tc128"
    version = importlib.metadata.version("tenseal")
    slots = 4096

    def __init__(self, rows, bits):
        self._context = tenseal.context(
            tenseal.SCHEME_TYPE.BFV,
            poly_modulus_degree=self.slots,
            plain_modulus=65537,
            encryption_type=tenseal.ENCRYPTION_TYPE.SYMMETRIC,
            n_threads=2,
        )
        self._query = [
            tenseal.bfv_vector(self._context, [2 * bit - 1] * self.slots) for bit in bits
        ]
        self._groups = list(distances_peer.groups(rows, self.slots))
        self.query_bytes = sum(len(each.serialize()) for each in self._query)

    def distances(self):
        made = []
        for columns in self._groups:
            total = self._query[0] * columns[0]
            for own, column in zip(self._query[1:], columns[1:], strict=True):
                total += own * column
            made += [(256 + value) // 2 for value in total.decrypt()]
        return made


if __name__ == "__main__":
    distances_peer.serve(TenSeal)
