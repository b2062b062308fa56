"""The map that a device looks into, made from files that a custodian's own commands published."""

import shutil
from pathlib import Path

from softfall.device.list_maps import ListMaps
from softfall.lists.manifest import read

from .list_mirror import Mirror, Shop


def test_a_map_has_the_digest_of_the_list_that_it_was_made_from(tmp_path: Path) -> None:
    shop, twin_dir = Shop(tmp_path), tmp_path / "twin"
    shutil.copytree(shop.data_dir, twin_dir / "custodian")
    shutil.copytree(shop.keeper.settings.tls_dir, twin_dir / "tls")
    shop.change()
    ada = shop.device("ada")
    adas = ada.update()
    shop.keeper.folder = twin_dir  # the same custodian, the same keys: another delta for ben
    shop.keeper.add(1, seed=99)
    shop.change()
    ben = shop.device("ben", Mirror(twin_dir / "custodian/distribution"))
    bens = ben.update()
    assert (adas.version, adas.manifest) == (bens.version, bens.manifest)
    manifest = read(adas.manifest)
    maps = [ListMaps(keeper).of(manifest) for keeper in (ada, ben)]
    assert [each.digest for each in maps] == [adas.digest, bens.digest]
    assert maps[0].digest != maps[1].digest
    base = ada.segments(adas.epoch, 0).digest
    assert [each.at(0).digest for each in maps] == [base, base]
