import numba
import pytest

from softfall.compiled.jit import kernel


@pytest.mark.parametrize("trouble", [RuntimeError("no locator available"), OSError(28, "full")])
def test_without_a_place_for_the_cache_the_kernels_are_compiled_all_the_same(monkeypatch, trouble):
    compile_it = numba.njit

    def njit(*arguments, cache=False, **options):
        if cache:
            raise trouble
        return compile_it(*arguments, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert kernel()(lambda number: number + 1)(41) == 42
