"""OpenFHE, asked for all distances to a list: run by an interpreter that has it (CPython 3.10).

The layout that suits it best: each bit of the hash is one ciphertext that says so in every slot,
and 4,096 entries' bits in the same column are one plaintext, encoded beforehand. A group of entries
then takes 256 products with plaintexts, 255 sums, and one decryption. BFV with the library's own
parameters for 128 bits (classical), depth 0, two threads.
See `distances_peer` for what is read and printed.
"""

import importlib.metadata

import distances_peer
import openfhe


class OpenFhe:
    security = "HEStd_128_classic"
    version = importlib.metadata.version("openfhe")

    def __init__(self, rows, bits):
        parameters = openfhe.CCParamsBFVRNS()
        parameters.SetPlaintextModulus(65537)
        parameters.SetMultiplicativeDepth(0)
        self._context = openfhe.GenCryptoContext(parameters)
        self._context.Enable(openfhe.PKESchemeFeature.PKE)
        self._context.Enable(openfhe.PKESchemeFeature.LEVELEDSHE)
        self._keys = self._context.KeyGen()
        self.slots = self._context.GetRingDimension()
        self._query = [self._encrypted(2 * bit - 1) for bit in bits]
        self._groups = [self._encoded(group) for group in distances_peer.groups(rows, self.slots)]
        self.query_bytes = 256 * 2 * self.slots * 8

    def distances(self):
        made = []
        for columns in self._groups:
            total = self._context.EvalMult(self._query[0], columns[0])
            for own, column in zip(self._query[1:], columns[1:], strict=True):
                self._context.EvalAddInPlace(total, self._context.EvalMult(own, column))
            plain = self._context.Decrypt(total, self._keys.secretKey)
            made += [(256 + value) // 2 for value in plain.GetPackedValue()]
        return made

    def _encrypted(self, sign):
        plain = self._context.MakePackedPlaintext([sign] * self.slots)
        return self._context.Encrypt(self._keys.secretKey, plain)

    def _encoded(self, columns):
        return [self._context.MakePackedPlaintext(column) for column in columns]


if __name__ == "__main__":
    distances_peer.serve(OpenFhe)
