"""One commented TOML file for every service; what it does not say has the default written here.

Guarantees: unknown keys are errors that name the nearest known key; `config_shown` draws the
file from these very classes, so that the comments can't drift from the code.
Each setting may be overridden by the environment: SOFTFALL__PROVIDER__PORT=8443.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from softfall.errors import OperatorError
from softfall.settings.beside import DealerSettings, EnclaveSettings, KeyholderSettings
from softfall.settings.people import (
    AuditSettings,
    CaseworkSettings,
    ConsoleSettings,
    HotlineSettings,
    ReferralSettings,
    TransparencySettings,
)
from softfall.settings.section import Section
from softfall.settings.services import (
    CustodianSettings,
    DeviceSettings,
    LookupSettings,
    MediaLimits,
    ProviderSettings,
)

__all__ = [
    "AuditSettings",
    "BadConfig",
    "CaseworkSettings",
    "ConsoleSettings",
    "CustodianSettings",
    "DealerSettings",
    "DeviceSettings",
    "EnclaveSettings",
    "HotlineSettings",
    "KeyholderSettings",
    "LookupSettings",
    "MediaLimits",
    "ProviderSettings",
    "ReferralSettings",
    "Section",
    "Settings",
    "TransparencySettings",
    "load",
]


class BadConfig(OperatorError):
    """The configuration file can't be used."""

    remedy = "Compare with `softfall config show --default`; docs/configuration.md explains each."


class Settings(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="SOFTFALL__", env_nested_delimiter="__"
    )

    media: MediaLimits = MediaLimits()
    provider: ProviderSettings = ProviderSettings()
    custodian: CustodianSettings = CustodianSettings()
    lookup: LookupSettings = LookupSettings()
    enclave: EnclaveSettings = EnclaveSettings()
    dealer: DealerSettings = DealerSettings()
    keyholder: KeyholderSettings = KeyholderSettings()
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
