"""The trials, in the order of the table: who can cheat, who can be curious."""

from typing import Final

from softfall.compare.plan import Cheat
from softfall.compare.trials import (
    custodian_view,
    enclave_host,
    keyholder_view,
    linking,
    lists,
    provider_probes,
    senders,
    thefts,
    tolerance,
)
from softfall.compare.trials.scene import Trial

TRIALS: Final = (
    Trial(
        "other_picture",
        "Patched sender: another picture's submission",
        "its tags alone, or all of it",
        senders.lies(Cheat.OTHER, Cheat.WHOLE),
    ),
    Trial("junk", "Patched sender: junk", "of the right form", senders.lies(Cheat.JUNK)),
    Trial("replayed", "Patched sender: an old submission again", "", senders.lies(Cheat.OLD)),
    Trial(
        "omitted",
        "Patched sender: nothing submitted",
        "nothing; as if it were text; as if the custodian were away",
        senders.lies(Cheat.NOTHING, Cheat.TEXT, Cheat.OUTAGE),
    ),
    Trial(
        "denied",
        "Patched sender: denies what its map says",
        "on a small list, in this process",
        senders.denied,
    ),
    Trial(
        "tolerance",
        "Patched sender: another hash within the decoder tolerance",
        "only the submitted hash is moved, as far as a recipient accepts",
        tolerance.gain,
    ),
    Trial(
        "lie_reported",
        "The recipient reports the lies",
        "what its report proves to the provider",
        senders.lie_reported,
    ),
    Trial("colluding", "Colluding pair", "both apps patched", senders.colluding),
    Trial(
        "pre_encrypted",
        "A picture encrypted before the app sees it",
        "two people with unpatched apps who agreed on a password",
        senders.pre_encrypted,
    ),
    Trial(
        "provider_links",
        "Curious provider: links pictures by what is submitted",
        "one unlisted picture twice, an edited copy, another picture; three conversations",
        linking.by_submission,
    ),
    Trial(
        "provider_links_candidates",
        "Curious provider: links listed pictures by what is submitted",
        "one listed picture from two people, and another listed picture",
        linking.by_candidate,
    ),
    Trial(
        "provider_links_later",
        "Curious provider: still, once the epoch has ended",
        "the same picture in two epochs, on a small list",
        linking.after_the_epoch,
    ),
    Trial(
        "provider_links_sizes",
        "Curious provider: links pictures by the sealed file's size",
        "the same four pictures",
        linking.by_size,
    ),
    Trial(
        "custodian_pictures",
        "Curious custodian: which picture, who, which belong together",
        "with its list and its live keys",
        custodian_view.about_pictures,
    ),
    Trial(
        "custodian_candidates",
        "Curious custodian: which entries were candidates",
        "",
        custodian_view.about_candidates,
    ),
    Trial("enclave_host", "Curious host of the enclave", "what passes it", enclave_host.host),
    Trial(
        "enclave_broken",
        "A broken enclave",
        "its key taken out of its process, with what should have been deleted",
        enclave_host.broken,
    ),
    Trial(
        "keyholder_view",
        "Curious keyholder: which picture, which belong together, did it match",
        "with its keys and hints, the list in its hands, and every picture as a guess",
        keyholder_view.view,
    ),
    Trial(
        "provider_probes",
        "Curious provider: runs one picture again, with a row's masks moved",
        "really asked, at the running keyholder, until it refuses",
        provider_probes.probe,
    ),
    Trial(
        "keyholder_together",
        "Provider and keyholder together",
        "with what the provider should have deleted",
        keyholder_view.together,
    ),
    Trial(
        "together",
        "Provider and custodian together",
        "with what the provider should have deleted",
        thefts.together,
    ),
    Trial(
        "stolen_key",
        "A stolen custodian key and a log of submissions",
        "was picture P sent?",
        thefts.stolen_key,
    ),
    Trial(
        "destroyed_key",
        "The same, once the epoch has ended",
        "ended by the custodian's own code, on a copy of its folder",
        thefts.destroyed_key,
    ),
    Trial(
        "stolen_device",
        "A stolen device, without its secret",
        "every file that it keeps is searched",
        thefts.stolen_device,
    ),
    Trial(
        "replaced_list",
        "Replaced list",
        "two people served two lists under one number write to each other",
        lists.replaced,
    ),
    Trial(
        "rolled_back_list",
        "Rolled-back list",
        "an old epoch served again",
        lists.rolled_back,
    ),
)
