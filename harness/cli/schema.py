from __future__ import annotations

import json

import click

from harness.scenario import json_schema


@click.command()
def schema() -> int:
    """Print the JSON Schema of a scenario, for editors."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
