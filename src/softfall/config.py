"""One commented TOML file for every service; what it does not say has the default written here.

Guarantees: unknown keys are errors that name the nearest known key; `config_shown` draws the
file from these very classes, so that the comments can't drift from the code.
Each setting may be overridden by the environment: SOFTFALL__PROVIDER__PORT=8443.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from softfall.errors import OperatorError


class BadConfig(OperatorError):
    """The configuration file can't be used."""

    remedy = "Compare with `softfall config show --default`; docs/configuration.md explains each."


class Section(BaseModel):
    """A table of the file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MediaLimits(Section):
    """[media]: what a picture may be before it is refused unopened."""

    max_file_bytes: int = Field(
        32 * 1024 * 1024, gt=0, description="A larger file is refused before it is read."
    )
    max_pixels: int = Field(
        100_000_000, gt=0, description="Width times height; checked before a picture is expanded."
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
    option: Literal["split", "on_device", "enclave", "none"] = Field(
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
    custodian_outage_rule: Literal["hold", "deliver"] = Field(
        "hold", description="Media sent while the custodian is down: hold it, or deliver unchecked."
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
    max_envelope_bytes: int = Field(256 * 1024, gt=0, description="One envelope, without media.")
    max_attachment_bytes: int = Field(33 * 1024 * 1024, gt=0, description="One encrypted file.")
    clock_skew_seconds: float = Field(
        300.0, gt=0, description="How far a device's clock may be from ours."
    )
    requests_per_minute: int = Field(1200, gt=0, description="One device's limit, all routes.")
    list_mib_per_hour: int = Field(
        128, gt=0, description="One device's limit on the on-device list, in MiB that it asks for."
    )
    media_per_minute: int = Field(
        120, gt=0, description="One device's limit on media (the delivery-delay oracle)."
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


class EnclaveSettings(Section):
    """[enclave]: the attested service that matches for the provider, who can't look inside."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8446, ge=0, le=65535, description="Port to listen on.")
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="enclave.crt/.key, ca.crt; made by `softfall keys init`.",
    )
    attester_dir: Path = Field(
        Path("softfall-data/attester"),
        description="The SOFTWARE attester's certificates and key; made by `softfall keys init`.",
    )
    custodian_key_file: Path = Field(
        Path("softfall-data/attester/custodian.pub"),
        description="The custodian whose lists it takes, and no other's; measured into PCR0.",
    )
    max_entries: int = Field(
        2_000_000, gt=0, description="A larger list is refused; 32 bytes of locked memory each."
    )


class DealerSettings(Section):
    """[dealer]: who deals randomness for `confirm` in advance, independent of all others."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8445, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("softfall-data/dealer"), description="Halves not fetched yet.")
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="dealer.crt/.key, ca.crt, both dealer-....token; made by `softfall keys init`.",
    )
    max_batch: int = Field(
        1024, gt=0, le=4096, description="Serials in one answer; one serves one candidate."
    )
    max_backlog: int = Field(
        100_000, gt=0, description="Halves that may wait for one party, about 150 bytes each."
    )
    requests_per_minute: int = Field(600, gt=0, description="All callers together.")


class ConsoleSettings(Section):
    """[console]: casework's service and the moderators' pages."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8447, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("softfall-data/console"), description="Its store and keys.")
    database_url: str = Field(
        "", description="An SQLAlchemy URL, postgresql+pg8000://...; empty: SQLite in data_dir."
    )
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="console.crt/.key, ca.crt, console-provider.token; made by `softfall keys "
        "init`.",
    )
    provider_url: str = Field("https://127.0.0.1:8443", description="Where decisions are enacted.")
    staff_token: str = Field("", description="The provider's own `provider.staff_token`.")
    requests_per_minute: int = Field(600, gt=0, description="One caller's limit, all routes.")
    public_url: str = Field(
        "", description="How browsers reach the console, https://...; empty: by the host they name."
    )
    session_idle_minutes: float = Field(
        30.0, gt=0, description="A session without a request for this long has ended."
    )
    session_hours: float = Field(
        10.0, gt=0, description="A session has ended after this long in any case."
    )
    oidc_issuer: str = Field(
        "", description="An OpenID Connect provider's issuer URL; empty: log-in by password alone."
    )
    oidc_client_id: str = Field("", description="The console's name at that provider.")
    oidc_client_secret: str = Field("", description="The console's secret at that provider.")
    oidc_ca_file: str = Field(
        "", description="Certificates that the provider's own is checked against; empty: public."
    )


class CaseworkSettings(Section):
    """[casework]: how cases are worked, whoever works them."""

    second_reader: bool = Field(True, description="A referral needs a second person's agreement.")
    assignment_minutes: float = Field(
        60.0, gt=0, description="A case that nobody has touched for this long goes back to all."
    )
    appeal_days: float = Field(30.0, gt=0, description="How long a decision may be appealed.")
    policies_file: str = Field(
        "", description="A TOML table of the policies that decisions name; empty: Softfall's own."
    )
    legal_hold_setters: str = Field(
        "", description="Who may set a legal hold: names of staff, separated by commas."
    )
    items_per_day: int = Field(60, gt=0, description="Pieces of evidence one person may open.")
    minutes_per_day: float = Field(90.0, gt=0, description="How long one person may look at them.")
    work_minutes: float = Field(50.0, gt=0, description="After this long, a break is due.")
    break_minutes: float = Field(10.0, gt=0, description="How long a break is.")
    shift_hours: float = Field(8.0, gt=0, le=24, description="How long a shift is, if not stopped.")
    calm_minutes: float = Field(
        30.0, ge=0, description="Nothing severe is opened this long before a shift's end."
    )
    rest_hours: float = Field(
        11.0, ge=0, description="From a shift's planned end until the same person's next one."
    )
    staff_help: str = Field(
        "", description="Whom staff can talk to: shown on the page that they see after stopping."
    )
    picture_view_seconds: float = Field(
        15.0, ge=3, le=600, description="The longest that one view of a picture lasts."
    )
    text_view_seconds: float = Field(
        90.0, ge=3, le=3600, description="The longest that one view of a message lasts."
    )
    hasher_max_pixels: int = Field(
        100_000_000, gt=0, description="A larger picture is not shown; a referral still carries it."
    )
    hasher_memory_mib: int = Field(
        4096, ge=512, description="Address space that showing one picture may take."
    )
    retention_days_release: float = Field(
        7.0, ge=0, description="Evidence of a closed case is deleted after this: released."
    )
    retention_days_no_action: float = Field(
        30.0, ge=0, description="The same for a case that ended without action."
    )
    retention_days_block: float = Field(180.0, ge=0, description="The same for a blocked message.")
    retention_days_warn: float = Field(90.0, ge=0, description="The same for a warning.")
    retention_days_restrict: float = Field(
        180.0, ge=0, description="The same for a restricted account."
    )
    retention_days_refer: float = Field(
        365.0,
        ge=0,
        description="The same for a referral; where the law says how long (in the United States "
        "one year, 18 U.S.C. 2258A(h)), not less than it says.",
    )


class ReferralSettings(Section):
    """[referral]: the authority that referrals go to, and who says that they come from you."""

    cybertipline_url: str = Field(
        "",
        description="The authority's address, https://... without /ispws; empty: nothing is sent. "
        "Plain http:// is for a simulator on 127.0.0.1 only.",
    )
    cybertipline_username: str = Field("", description="Your account's name at the authority.")
    cybertipline_password: str = Field("", description="Its password.")
    timeout_seconds: float = Field(
        60.0, gt=0, description="How long the authority may be silent while it is asked something."
    )
    esp_name: str = Field("", description="Your service's name, as the authority knows it.")
    reporter_first_name: str = Field("", description="Who reports, for the authority to ask back.")
    reporter_last_name: str = Field("", description="Who reports, for the authority to ask back.")
    reporter_email: str = Field("", description="Where the authority writes to.")
    reporter_phone: str = Field("", description="Where the authority calls.")
    legal_url: str = Field("", description="Your page for investigators: how to serve process.")
    company_template: str = Field(
        "",
        description="What every referral says of you: how to serve process, what is kept how long.",
    )
    terms_of_service: str = Field("", description="The part of your terms that referrals quote.")


class HotlineSettings(Section):
    """[hotline]: an authority that takes referrals by e-mail; [referral] says who you are."""

    name: str = Field("", description="What the hotline is called, for the referral's page.")
    email_to: str = Field("", description="Where referrals are sent to; empty: nothing is sent.")
    email_from: str = Field("", description="Whom they come from, and where answers go.")
    smtp_host: str = Field("", description="Your mail server; it must offer TLS.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls"] = Field(
        "starttls", description="How TLS begins: after greeting (587), or at once (465)."
    )
    smtp_username: str = Field("", description="Your account there; empty: no log-in.")
    smtp_password: str = Field("", description="Its password.")
    smtp_ca_file: str = Field(
        "", description="Certificates that the mail server's own is checked against; empty: public."
    )
    certificate_file: str = Field(
        "",
        description="The hotline's S/MIME certificate (PEM, RSA): only it can read the message. "
        "Empty: mail servers on the way can, and evidence is not attached.",
    )
    attach_unencrypted: bool = Field(
        False, description="Attach the evidence without the hotline's certificate too."
    )
    max_mail_mib: int = Field(
        20, gt=0, le=1024, description="Evidence larger than this is not attached, only named."
    )
    font_file: str = Field(
        "", description="A TrueType font for the PDF; empty: letters that are not Latin are codes."
    )
    timeout_seconds: float = Field(
        60.0,
        gt=0,
        description="How long the mail server may be silent while it is asked something.",
    )


class AuditSettings(Section):
    """[audit]: the signed checkpoints of the console's log."""

    checkpoint_lines: int = Field(
        500, gt=0, description="A checkpoint is signed after this many new lines."
    )
    checkpoint_minutes: float = Field(
        15.0, gt=0, description="And after this long, if there are any."
    )


class TransparencySettings(Section):
    """[transparency]: the figures that are published."""

    small_count: int = Field(
        5, ge=3, le=100, description="A count below this (but zero) is shown as fewer than it."
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


class Settings(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="SOFTFALL__", env_nested_delimiter="__"
    )

    media: MediaLimits = MediaLimits()
    provider: ProviderSettings = ProviderSettings()
    custodian: CustodianSettings = CustodianSettings()
    enclave: EnclaveSettings = EnclaveSettings()
    dealer: DealerSettings = DealerSettings()
    console: ConsoleSettings = ConsoleSettings()
    casework: CaseworkSettings = CaseworkSettings()
    referral: ReferralSettings = ReferralSettings()
    hotline: HotlineSettings = HotlineSettings()
    audit: AuditSettings = AuditSettings()
    transparency: TransparencySettings = TransparencySettings()
    device: DeviceSettings = DeviceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment outranks the file; nothing else is read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (env_settings, init_settings)


def load(path: Path | None) -> Settings:
    """The settings of one TOML file (or the defaults). Raises BadConfig, naming the line's key."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadConfig(f"{path} can't be read: {error}") from None
    try:
        return Settings(**values)
    except ValidationError as error:
        raise BadConfig(f"{path or 'environment'}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{key}: {problem['msg']}"
    known = [
        f"{name}.{field}"
        for name, section in Settings.model_fields.items()
        for field in ("", *_fields(section.annotation))
    ]
    known = [name.removesuffix(".") for name in known]
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    return f"unknown key {key!r}; the nearest known key is {nearest[0]!r}"


def _fields(model: object) -> list[str]:
    return (
        list(model.model_fields) if isinstance(model, type) and issubclass(model, Section) else []
    )
