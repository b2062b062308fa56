"""`softfall kernels`: compile everything now that would otherwise be compiled at its first use."""

import typer


def compile_kernels() -> None:
    """Compile every kernel for this machine, and keep it for later processes.

    Not needed: each kernel is compiled at its first use, which then takes seconds. Kernels lie in
    the user's cache folder (~/.cache/softfall/kernels), or where SOFTFALL_CACHE_DIR says.
    """
    from softfall.compiled import kept
    from softfall.compiled.native import Native
    from softfall.compiled.sources import kernels

    for each in kernels():
        compiled = Native(each.module, each.name).ready()
        state = "compiled" if compiled else "was there"
        typer.echo(f"{each.module.removeprefix('softfall.')}.{each.name}: {state}")
    trouble = kept.trouble()
    typer.echo(f"not kept: {trouble}" if trouble else f"kept in {kept.folder()}")
