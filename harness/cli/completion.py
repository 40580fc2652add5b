from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from harness import exit_codes
from harness.cli.output import Output, output_options
from harness.errors import InputError

PROGRAM = "hyperleak"
VARIABLE = "_HYPERLEAK_COMPLETE"
_STARTUP_FILES = {
    "bash": "echo 'eval \"$(hyperleak completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(hyperleak completion zsh)\"' >> ~/.zshrc",
    "fish": "hyperleak completion fish > ~/.config/fish/completions/hyperleak.fish",
}


@click.command(epilog="\b\n" + "\n".join(f"{shell}: {line}" for shell, line in _STARTUP_FILES.items()))
@click.argument("shell", type=click.Choice(sorted(_STARTUP_FILES)))
@click.pass_context
@output_options
def completion(context: click.Context, shell: str, output: Output) -> int:
    """Print what makes a shell complete commands, options, scenarios and runs; put it into its startup file."""
    kind = get_completion_class(shell)
    if kind is None:
        raise InputError(f"there is no completion for {shell}", hint="bash, zsh and fish have one")
    script = kind(context.find_root().command, {}, PROGRAM, VARIABLE).source()
    if output.json_asked:
        output.document({"shell": shell, "script": script})
    else:
        click.echo(script)
    return exit_codes.CLEAN
