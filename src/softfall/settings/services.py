"""The tables of what carries and matches messages: limits, provider, custodian, device."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from softfall.settings.section import Section


class MediaLimits(Section):
    """[media]: what a picture or a video may be before it is refused unopened."""

    max_file_bytes: int = Field(
        32 * 1024 * 1024, gt=0, description="A larger file is refused before it is read."
    )
    max_pixels: int = Field(
        100_000_000, gt=0, description="Width times height; checked before a picture is expanded."
    )
    max_video_bytes: int = Field(
        8 * 1024**3, gt=0, description="A larger video file is refused before it is read."
    )
    max_video_seconds: int = Field(
        14_400, gt=0, description="A longer video is refused; a stream that is watched has no end."
    )
    max_video_pixels: int = Field(
        36_000_000, gt=0, description="Width times height of a video's frame; 8K has 33 million."
    )


class ProviderSettings(Section):
    """[provider]: the messaging service."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8443, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("softfall-data/provider"), description="Its own store and keys.")
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="provider.crt/.key, ca.crt; made by `softfall keys init`.",
    )
    option: Literal["split", "on_device", "enclave", "homomorphic", "none"] = Field(
        "split", description="Which option matches media; `none` delivers all unmatched."
    )
    custodian_url: str = Field("https://127.0.0.1:8444", description="Where the custodian listens.")
    dealer_url: str = Field("https://127.0.0.1:8445", description="Where the dealer listens.")
    confirm_stock: int = Field(
        256, gt=0, le=2048, description="More dealt serials are fetched when fewer are left."
    )
    custodian_timeout_seconds: float = Field(
        3.0, gt=0, description="How long one relayed question may take."
    )
    enclave_url: str = Field(
        "https://127.0.0.1:8446", description="Where the enclave listens; for option `enclave`."
    )
    enclave_timeout_seconds: float = Field(
        3.0, gt=0, description="How long one question to the enclave may take."
    )
    keyholder_url: str = Field(
        "https://127.0.0.1:8450", description="Where the keyholder listens; for `homomorphic`."
    )
    keyholder_timeout_seconds: float = Field(
        5.0, gt=0, description="How long a question to the keyholder may take, per 10 million rows."
    )
    homomorphic_stock: int = Field(
        16,
        gt=0,
        le=2048,
        description="More dealt serials are fetched when fewer are left; one serves one picture.",
    )
    homomorphic_wait_seconds: float = Field(
        5.0,
        ge=0,
        le=60,
        description="How long a picture waits, each time that it is judged, for dealt material or "
        "a keyholder that restarts.",
    )
    homomorphic_threads: int = Field(
        2, ge=1, le=64, description="Threads that compare one encrypted picture with the list."
    )
    custodian_outage_rule: Literal["hold", "deliver"] = Field(
        "hold", description="Media unjudged since a party is away: hold it, or deliver unchecked."
    )
    hold_timeout_hours: float = Field(
        72.0, gt=0, description="An unconfirmed or outage hold is released after this."
    )
    held_retention_days: float = Field(
        90.0, gt=0, description="A hold's ciphertext is deleted after this, undelivered: expired."
    )
    delivery_jitter_ms: int = Field(
        50, ge=0, description="All media wait a random 0 to this before delivery (timing oracle)."
    )
    max_envelope_bytes: int = Field(
        3 * 1024 * 1024,
        gt=0,
        description="One envelope, without media; a video's frames are matched from what is in it.",
    )
    max_attachment_bytes: int = Field(33 * 1024 * 1024, gt=0, description="One encrypted file.")
    clock_skew_seconds: float = Field(
        300.0, gt=0, description="How far a device's clock may be from ours."
    )
    requests_per_minute: int = Field(1200, gt=0, description="One device's limit, all routes.")
    list_mib_per_hour: int = Field(
        128, gt=0, description="One device's limit on the on-device list, in MiB that it asks for."
    )
    media_per_minute: int = Field(
        120,
        gt=0,
        description="One account's limit on pictures, a video counting as many as it has distinct "
        "frames (the delivery-delay oracle).",
    )
    media_per_day: int = Field(
        5000,
        gt=0,
        description="One account's limit on pictures and frames of videos in 24 hours; kept on "
        "disk, for all processes together.",
    )
    tokens_per_account_per_day: int = Field(
        100, gt=0, description="Tokens that one account may be issued in 24 hours; one a question."
    )
    clearances_per_day: int = Field(
        100, gt=0, description="Answers before sending (`on_device`) that one account gets a day."
    )
    receipt_key_days: float = Field(7.0, gt=0, description="How long one receipt key stamps.")
    report_window_days: float = Field(
        90.0, gt=0, description="A receipt older than this can no longer be reported."
    )
    restricted_may_not_send: Literal["everything", "media"] = Field(
        "everything", description="What an account may not send while a person's decision says so."
    )
    report_compare_seconds: float = Field(
        10.0,
        gt=0,
        description="How long a report waits for its pictures to be compared by the hasher; what "
        "is left then is kept, and says that it was not compared.",
    )
    hasher_max_pixels: int = Field(
        100_000_000, gt=0, description="A larger reported picture is not compared."
    )
    hasher_memory_mib: int = Field(
        4096, ge=512, description="Address space that the hasher may take for one picture."
    )
    registration_token: str = Field(
        "", description="Devices must show it to register; empty: anyone may register."
    )
    staff_token: str = Field(
        "", description="Bearer token of staff routes; empty: staff routes are off."
    )
    database_url: str = Field(
        "", description="An SQLAlchemy URL, postgresql+pg8000://...; empty: SQLite in data_dir."
    )
    surface_token: str = Field(
        "",
        description="Bearer token of the platform's own routes for what is public (profile "
        "pictures, group names); empty: they are off.",
    )
    surface_words_file: str = Field(
        "", description="Words that public names are compared with, one a line; empty: none."
    )
    console_url: str = Field(
        "", description="Where reports and holds go to be decided; empty: they stay here."
    )


class CustodianSettings(Section):
    """[custodian]: the keeper of the list."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8444, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("softfall-data/custodian"), description="Its list and keys.")
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="custodian.crt/.key, ca.crt; made by `softfall keys init`.",
    )
    dealer_url: str = Field("https://127.0.0.1:8445", description="Where the dealer listens.")
    evaluations_per_hour: int = Field(
        160_000,
        gt=0,
        description="Global quota of OPRF evaluations, whoever asks; 128 a picture under `split`, "
        "64 under `on_device`.",
    )
    confirms_per_hour: int = Field(
        2_000, gt=0, description="Global quota of confirmations; one a candidate and entry."
    )
    confirm_stock: int = Field(
        256, gt=0, le=2048, description="More dealt serials are fetched when fewer are left."
    )
    lookups_per_hour: int = Field(
        20_000,
        gt=0,
        description="Global quota of facts about entries: for cases, and for public pictures.",
    )
    index_poll_seconds: float = Field(
        0.2,
        gt=0,
        le=60,
        description="How often processes that search the list look whether it has changed.",
    )
    tokens_per_day: int = Field(
        10_000, gt=0, description="Global limit on tokens, whoever asks; one buys one question."
    )
    token_key_days: float = Field(
        14.0, gt=0, description="The first epoch published after this gets a new token key."
    )
    max_request_bytes: int = Field(64 * 1024, gt=0, description="One relayed question.")
    requests_per_minute: int = Field(6000, gt=0, description="All routes, all callers.")
    epoch_days: float = Field(30.0, gt=0, description="A published epoch's key is destroyed after.")
    overlap_minutes: float = Field(
        60.0, ge=0, description="How long the epoch before still answers after a new one."
    )
    list_timestamp_hours: float = Field(
        24.0,
        ge=0.01,
        description="How long devices may believe that no newer on-device list exists.",
    )
    enclave_root_file: Path = Field(
        Path("softfall-data/attester/software-root.crt"),
        description="The root certificate that vouches for enclaves: a SOFTWARE one, or AWS's.",
    )
    enclave_measurements_file: Path = Field(
        Path("softfall-data/custodian/enclaves.jsonl"),
        description="The enclaves allowed: a line of `softfall enclave measure` for each.",
    )
    enclave_policy: Literal["hash", "luminance"] = Field(
        "hash", description="What devices seal to the enclave: the hash, or the 64x64 luminance."
    )
    enclave_document_minutes: float = Field(
        60.0, gt=0, le=10_080, description="How long devices may use one attestation document."
    )
    keyholder_key_file: Path = Field(
        Path("softfall-data/keyholder/keyholder.pub"),
        description="The keyholder's public key, which devices seal to under `homomorphic`.",
    )
    homomorphic_mode: Literal["one_bit", "permuted"] = Field(
        "one_bit",
        description="What the keyholder sees under `homomorphic`: nothing, or (for very large "
        "lists) all distances in a fresh random order.",
    )
    homomorphic_names_entry: bool = Field(
        False,
        description="Whether the provider learns which entries matched, not only that one did. "
        "A provider that cheats could then read a picture's hash (docs/homomorphic.md).",
    )


class LookupSettings(Section):
    """[lookup]: the custodian's second program, which answers other tools' lookups.

    The list, the certificate and the key are those of [custodian].
    """

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8449, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(
        2, ge=1, le=64, description="Processes that share the port and one index; as many as cores."
    )
    hashes_per_hour: int = Field(
        1_000_000, gt=0, description="How many hashes one tool may look up, pictures included."
    )
    matches_per_hour: int = Field(
        100,
        gt=0,
        description="How many entries one tool may be told of; then it is answered nothing. Limits "
        "how fast altered pictures are walked towards an entry's hash; see docs/lookup.md.",
    )
    max_batch: int = Field(4096, gt=0, le=65536, description="Hashes in one request.")
    body_seconds: float = Field(30.0, gt=0, description="How long one body may take to arrive.")
    max_picture_bytes: int = Field(
        32 * 1024 * 1024,
        gt=0,
        le=32 * 1024 * 1024,
        description="A larger picture is refused before it is read.",
    )
    picture_seconds: float = Field(
        10.0, gt=0, description="How long one picture may take, its wait for others included."
    )
    hasher_max_pixels: int = Field(100_000_000, gt=0, description="A larger picture is not opened.")
    hasher_memory_mib: int = Field(
        4096, ge=512, description="Address space that the hasher may take for one picture."
    )


class DeviceSettings(Section):
    """[device]: the app side."""

    media_wait_seconds: float = Field(
        10.0, gt=0, description="How long a photo waits for the custodian before the outage rule."
    )
    one_time_keys: int = Field(50, gt=0, le=100, description="Signed one-time keys kept published.")
    tokens_kept: int = Field(
        16, gt=0, le=64, description="Tokens for questions kept in stock; refilled at half."
    )
    list_check_minutes: float = Field(
        60.0, gt=0, description="How often the on-device list is looked for, in the background."
    )
    look_at_received: bool = Field(
        True, description="Look for received pictures that came unchecked, in this device's list."
    )
    country: str = Field(
        "",
        pattern="^([A-Za-z]{2})?$",
        description="Two letters (ISO 3166-1): whose help lines are shown; empty: anywhere's.",
    )
    old_list_hours: float = Field(
        72.0, gt=0, description="How long the list goes on serving once no newer one can be had."
    )
