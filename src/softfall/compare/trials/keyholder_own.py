"""A custodian that names a keyholder of its own, and what its stolen keys open under `homomorphic`.

Guarantees: the epoch is really signed by the custodian that devices pinned, and an unpatched device
really seals to the keyholder that it names; every key in the custodian's database is really tried.
Limit: devices take the keyholder that the custodian's manifest names. Who runs it is not theirs to
check; epochs and their keys can be compared by whoever watches the manifests.
"""

from softfall.compare.casts import key_theft, tag_theft
from softfall.compare.casts.cast import CUSTODIAN, PROVIDER
from softfall.compare.results import TrialResult
from softfall.compare.trials.enclave_host import epoch_keys
from softfall.compare.trials.scene import Finding, Scene
from softfall.compare.trials.street import InUse
from softfall.crypto.hpke import SECRET_BYTES
from softfall.crypto.lattice.public import public_elements
from softfall.lists.manifest import read
from softfall.media.pdq import PdqHash
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.testing.homomorphic import SmallKeyholder, publish


def custodian_names_its_own(scene: Scene) -> Finding:
    """The custodian signs an epoch whose keyholder is the two's own."""
    data, bits = next((p.data, p.hashed.bits) for p in scene.conversation.pictures
                      if not p.listed and isinstance(p.hashed, PdqHash))  # fmt: skip
    street, own = scene.street, SmallKeyholder()
    epoch = publish(300, street.custodian, own)
    street.use(InUse(epoch))
    sender, _ = street.person("own ida"), street.person("own jon")
    submitted = street.submitted(sender, "own jon", data)
    parameters = HomomorphicParameters.decode(read(epoch.manifest).parameters)
    seed = key_theft.seed_of(submitted.body, [own.secret], submitted.epoch)
    query = wire.octets(wire.decode(wire.QUERY, submitted.body), "query")
    public = public_elements(parameters.public_seed)
    sees = seed is not None and key_theft.hash_in(query, seed, public) == bits
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        "a keyholder of their own in the epoch's signed manifest: an unpatched device sealed to "
        "it, and the picture's exact hash " + ("came out" if sees else "did not come out"),
        by_whom=f"{PROVIDER} and {CUSTODIAN}" if sees else "",
        evidence=("epoch_manifest", "homomorphic_query"),
    )


def custodian_keys_open(scene: Scene) -> Finding:
    """Every key of an epoch that the custodian keeps, tried on every submission."""
    submissions = tag_theft.logged_submissions(scene.loot, scene.option)
    keys = epoch_keys(scene.place.folder / CUSTODIAN)
    fitting = [key for key in keys if len(key) == SECRET_BYTES]
    opened = sum(
        key_theft.seed_of(each["body"], fitting, each["epoch"]) is not None for each in submissions
    )
    theirs = key_theft.stolen_secrets(scene.loot)
    control = sum(
        key_theft.seed_of(each["body"], theirs, each["epoch"]) is not None for each in submissions
    )
    if not control:
        return Finding(TrialResult.NOT_RUN, "not even the keyholder's own keys opened anything")
    return Finding(
        TrialResult.SEES if opened else TrialResult.CANNOT,
        f"{len(keys)} keys of the custodian's epochs opened {opened} of {len(submissions):,} "
        f"submissions (the keyholder's own: {control:,})",
        by_whom="the thief" if opened else "",
        evidence=("keys in the custodian's database", "submissions in POST /v1/envelopes"),
        figure=f"{opened} of {len(submissions):,} opened",
    )
