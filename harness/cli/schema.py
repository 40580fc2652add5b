from __future__ import annotations

from dataclasses import replace

import click

from harness.cli.output import Output, output_options
from harness.scenario import json_schema


@click.command()
@output_options
def schema(output: Output) -> int:
    """Print the JSON Schema of a scenario, for editors."""
    replace(output, json_asked=True).document(json_schema())
    return 0
