"""Settings of the small services beside provider and custodian: enclave, dealer, keyholder."""

from pathlib import Path

from pydantic import Field

from softfall.settings.section import Section


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
    """[dealer]: who deals randomness for matching in advance, independent of all others."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8445, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("softfall-data/dealer"), description="Halves not fetched yet.")
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="dealer.crt/.key, ca.crt, all dealer-....token; made by `softfall keys init`.",
    )
    max_batch: int = Field(
        1024, gt=0, le=4096, description="Serials in one answer; one serves one candidate."
    )
    max_backlog: int = Field(
        100_000, gt=0, description="Halves that may wait for one party, about 150 bytes each."
    )
    max_homomorphic_backlog_mib: int = Field(
        4096,
        gt=0,
        description="What the keyholder may still have to fetch for `homomorphic`, in MiB: 5.9 a "
        "picture and a million entries. Only seeds of it lie on the disk.",
    )
    requests_per_minute: int = Field(600, gt=0, description="All callers together.")


class KeyholderSettings(Section):
    """[keyholder]: who decrypts masked values for `homomorphic`, independent of all others."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8450, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(
        Path("softfall-data/keyholder"), description="Its keys, hints and dealt material."
    )
    tls_dir: Path = Field(
        Path("softfall-data/tls"),
        description="keyholder.crt/.key, ca.crt, dealer-keyholder.token; made by `softfall keys "
        "init`.",
    )
    custodian_key_file: Path = Field(
        Path("softfall-data/keyholder/custodian.pub"),
        description="The custodian whose lists it serves, and no other's.",
    )
    dealer_url: str = Field("https://127.0.0.1:8445", description="Where the dealer listens.")
    stock: int = Field(
        16,
        gt=0,
        le=4096,
        description="More dealt serials are fetched when fewer are left; up to three times as many "
        "lie on its disk, 6.1 bytes each an entry of the list (1.1 where the mode is `permuted`).",
    )
    stragglers: int = Field(
        128,
        gt=0,
        le=65536,
        description="Dealt serials that lie this many before the furthest that was asked for are "
        "thrown away. At least 16 for each process of the provider, and 16 more.",
    )
    stock_wait_seconds: float = Field(
        1.5, ge=0, le=60, description="How long a question waits for a serial yet to be fetched."
    )
    runs_per_query: int = Field(
        8, gt=0, le=1000, description="How often one query is answered about in its epoch."
    )
    runs_at_once: int = Field(
        64, gt=0, le=4096, description="Runs that may wait for their second question, in memory."
    )
    run_seconds: float = Field(
        30.0, gt=0, le=600, description="A run whose second question is later is forgotten."
    )
    max_question_mib: int = Field(
        256, gt=0, le=512, description="One question; 1.5 MiB a query and a million entries."
    )
    threads: int = Field(
        2, ge=1, le=64, description="Threads that compute one answer; as many as cores."
    )
