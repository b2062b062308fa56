"""The tables of what people do: the console, casework, referrals, the log, published figures."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from softfall.settings.section import Section


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
