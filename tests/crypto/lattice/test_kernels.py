"""The machine code: no branch, and no address, by a hash, a secret, an error or a list."""

import platform

import pytest

from softfall.compiled.exported import Exported
from softfall.crypto.lattice import hint_kernel, masking_kernel, prepared_kernel, query_kernel
from tests.options.enclave import inspection, planted_kernels

KERNELS = [
    query_kernel.encrypt,
    hint_kernel.secret,
    hint_kernel.multiply,
    hint_kernel.make,
    masking_kernel.mask,
    masking_kernel.unmask,
    prepared_kernel.prepare,
    prepared_kernel.multiply,
]
SECRET_KERNELS = KERNELS[:3]


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_branch_and_no_address_depends_on_data(kernel: Exported) -> None:
    found = inspection.inspect(kernel)
    assert found.branches > 0, "it has loops"
    assert found.data_branches == []
    assert found.data_addresses == []
    assert [call for call in found.calls if "@llvm.prefetch" not in call] == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the jumps of x86-64 only")
@pytest.mark.parametrize("kernel", SECRET_KERNELS)
def test_what_handles_secrets_has_no_more_jumps_than_its_loops_need(kernel: Exported) -> None:
    found = inspection.inspect(kernel)
    assert 0 < found.conditional_jumps <= found.branches


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads divisions of x86-64 only")
@pytest.mark.parametrize("kernel", SECRET_KERNELS)
def test_what_handles_secrets_never_divides(kernel: Exported) -> None:
    """A processor's division takes longer for some numbers."""
    divisions = [line for line in kernel.assembly.split("\n") if "\tdiv" in line or "idiv" in line]
    assert divisions == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_called_runs_the_inspected_code_and_nothing_else(kernel: Exported) -> None:
    inspection.check_entry(kernel)


def test_the_inspection_sees_a_planted_branch() -> None:
    assert inspection.inspect(planted_kernels.scan_that_stops).data_branches
