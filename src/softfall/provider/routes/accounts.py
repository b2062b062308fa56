"""Registration, and the directory of signed keys."""

import hmac

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from softfall.edge.limits import key_of_address
from softfall.messaging.identity import Identity, KeySignatureBroken, SignedKey
from softfall.provider import accounts, keys
from softfall.provider.accounts import AccountTaken, BadAccountName, RegistrationClosed
from softfall.provider.keys import KeyIdReused, NoKeysLeft, TooManyKeys, UnknownAccount
from softfall.provider.routes.access import ALWAYS, Device, ServiceNow
from softfall.provider.statuses import may_raise

router = APIRouter(tags=["accounts and keys"])


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Registration(_Asked):
    """A new account and its public identity."""

    account: str = Field(
        min_length=1, max_length=64, description="Letters, digits, and @ : . _ = / + -"
    )
    curve25519: str = Field(max_length=64, description="Unpadded base64 of 32 bytes.")
    ed25519: str = Field(max_length=64, description="Unpadded base64 of 32 bytes.")
    signature: str = Field(
        max_length=128,
        description="Ed25519 over `softfall account v1|account|curve25519|ed25519`.",
    )
    registration_token: str = Field("", max_length=256, description="Where the service asks one.")
    token: str = Field(
        "",
        pattern=r"^(|[A-Za-z0-9_-]{43,128})$",
        description="Chosen by the device, 32 random bytes or more in URL-safe base64, so that it "
        "may ask again if the answer is lost; empty: the service chooses.",
    )


class Registered(BaseModel):
    """The account's token; it is shown this once."""

    token: str


class PublishedKey(_Asked):
    """A one-time key with its owner's signature."""

    key_id: str = Field(min_length=1, max_length=64)
    key: str = Field(max_length=64, description="Curve25519, unpadded base64 of 32 bytes.")
    signature: str = Field(
        max_length=128,
        description="Ed25519 over `softfall one-time key v1|account|key_id|key`.",
    )

    def signed(self) -> SignedKey:
        """As the directory keeps it."""
        return SignedKey(self.key_id, self.key, self.signature)


class KeyUpload(_Asked):
    """Keys to publish."""

    one_time_keys: list[PublishedKey] = Field(default=[], max_length=keys.MAX_KEYS)
    fallback_key: PublishedKey | None = None


class KeyCount(BaseModel):
    """How many one-time keys are published and not yet claimed."""

    one_time_keys: int


class KeyClaim(_Asked):
    """Whose key is wanted."""

    account: str = Field(min_length=1, max_length=64)


class PublishedIdentity(BaseModel):
    """Who an account is. The signature is the account's own: check it."""

    account: str
    curve25519: str
    ed25519: str
    account_signature: str


class ClaimedKey(PublishedIdentity):
    """What starts a session. The signatures are the account's own: check them."""

    one_time_key: PublishedKey


@router.post(
    "/v1/accounts",
    status_code=201,
    summary="Register an account",
    responses=may_raise(
        *ALWAYS[1:], BadAccountName, KeySignatureBroken, AccountTaken, RegistrationClosed
    ),
)
def register(asked: Registration, request: Request, service: ServiceNow) -> Registered:
    """The first to register a name has it. Only who chose its token may ask again."""
    service.registration_rate.take(key_of_address(request))
    expected = service.settings.registration_token
    if expected and not hmac.compare_digest(asked.registration_token.encode(), expected.encode()):
        raise RegistrationClosed("registration needs this service's token")
    identity = Identity(asked.account, asked.curve25519, asked.ed25519)
    return Registered(
        token=accounts.register(service.db, identity, asked.signature, service.clock(), asked.token)
    )


@router.put(
    "/v1/keys",
    summary="Publish one-time keys and a fallback key",
    responses=may_raise(*ALWAYS, KeySignatureBroken, KeyIdReused, TooManyKeys),
)
def publish_keys(account: Device, asked: KeyUpload, service: ServiceNow) -> KeyCount:
    """All or nothing; publishing the same key again is harmless."""
    fallback = asked.fallback_key.signed() if asked.fallback_key else None
    signed = [key.signed() for key in asked.one_time_keys]
    return KeyCount(one_time_keys=keys.publish(service.db, account, signed, fallback))


@router.get(
    "/v1/keys/count", summary="How many one-time keys are left", responses=may_raise(*ALWAYS)
)
def count_keys(account: Device, service: ServiceNow) -> KeyCount:
    """Of the account that asks."""
    return KeyCount(one_time_keys=keys.count(service.db, account))


@router.post(
    "/v1/keys/identity",
    summary="Look up another account's identity",
    responses=may_raise(*ALWAYS, UnknownAccount),
)
def read_identity(account: Device, asked: KeyClaim, service: ServiceNow) -> PublishedIdentity:
    """For who is written to by an account never met; uses up none of its keys."""
    service.claim_rate.take(account.name)
    identity, signature = keys.look_up(service.db, asked.account)
    return PublishedIdentity(
        account=identity.account,
        curve25519=identity.curve25519,
        ed25519=identity.ed25519,
        account_signature=signature,
    )


@router.post(
    "/v1/keys/claim",
    summary="Claim one key of another account",
    responses=may_raise(*ALWAYS, UnknownAccount, NoKeysLeft),
)
def claim_key(account: Device, asked: KeyClaim, service: ServiceNow) -> ClaimedKey:
    """A one-time key is given out once; the fallback key, when they have run out, to everyone."""
    service.claim_rate.take(account.name)
    claimed = keys.claim(service.db, asked.account, service.clock())
    key = claimed.one_time_key
    return ClaimedKey(
        account=claimed.identity.account,
        curve25519=claimed.identity.curve25519,
        ed25519=claimed.identity.ed25519,
        account_signature=claimed.signature,
        one_time_key=PublishedKey(key_id=key.key_id, key=key.key, signature=key.signature),
    )
