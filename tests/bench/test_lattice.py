"""The ratio to the libraries is told only where all have run, and says that it is scaled."""

from bench.figures import Check
from bench.lattice import PEER_ENTRIES, ratios


def test_the_quicker_librarys_ratio_is_left_out_where_one_of_them_did_not_run():
    check, doubled = Check(holds=True, shown="all equal"), dict.fromkeys(PEER_ENTRIES, 2.0)
    both = {"openfhe": 300.0, "tenseal": 800.0}
    found = {each.key: each for each in ratios(check, both, doubled)}
    assert found["homomorphic.ratio"].value == 300.0
    for alone in both:
        named = {each.key for each in ratios(check, {alone: both[alone]}, doubled)}
        assert named == {f"homomorphic.ratio.{alone}", f"homomorphic.doubled.{alone}"}
    for name, entries in PEER_ENTRIES.items():
        assert f"scaled from {entries:,} " in found[f"homomorphic.ratio.{name}"].what
        assert f"for {entries:,} entries" in found[f"homomorphic.doubled.{name}"].what
