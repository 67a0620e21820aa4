"""``report SIG... -o OUT``: saved signatures as a page, a table, a drawing, an overlay."""

import click

from onnx_affscore.cli.shared import DEBUG, say_warnings

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)


@click.command(name="report", short_help="Render saved signatures, as a page or in other formats.")
@click.argument("signatures", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("-o", "--output", required=True, type=_FILE, help="File to write, - is stdout.")
@click.option(
    "--format",
    "name",
    metavar="NAME",
    help="html, csv, markdown, text, json, png, svg, pdf, netron, model-explorer [default: as the suffix of the file says, else html].",
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False),
    help="The file that was scored: sites then name its own nodes, also where they lie in functions or fused operators.",
)
@DEBUG
def command(signatures: tuple[str, ...], output: str, name: str | None, model: str | None) -> None:
    """Render signature files (or folders of them); several make one page that compares them."""
    from onnx_affscore.errors import OptionError
    from onnx_affscore.report import comparison_input
    from onnx_affscore.report.files import write
    from onnx_affscore.report.html import several_to_html
    from onnx_affscore.report.output import format_of, write_as
    from onnx_affscore.statistics.compare import compare

    kind = format_of(output, name=name)
    found = comparison_input.collect(signatures)
    say_warnings(found.warnings, hidden=False)
    if not found.signatures:
        raise OptionError(f"found no signature in {', '.join(signatures)}; wanted one or more")
    if len(found.signatures) == 1:
        (signature,) = found.signatures
        if model is not None:
            from onnx_affscore.api import placed

            signature = placed(model, signature)
        write_as(signature, kind, output)
        return
    if model is not None:
        raise OptionError(f"--model goes with one signature; found {len(found.signatures)}")
    if kind != "html":
        raise OptionError(
            f"found {len(found.signatures)} signatures; {kind} takes one, and html takes several"
        )
    comparison = compare(found.signatures, labels=found.labels, families=found.families)
    members = list(zip(found.labels, found.signatures, strict=True))
    write(output, several_to_html(members, comparison))
