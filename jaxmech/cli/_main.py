"""The entry point."""

import click

from jaxmech.cli._group import DONE, Group
from jaxmech.cli._options import examples_of

_COMMANDS = {
    "app": "A form in the browser, for people who write no TOML.",
    "audit": "Would anybody cheat? Search, proof, and a verdict.",
    "commit": "Draw a secret, or seal a file: hash first, rest later.",
    "design": "A better mechanism than the published ones, certified.",
    "doctor": "Versions, devices, precision, a self-test.",
    "examples": "List the shipped problems, or print one, ready to edit.",
    "price": "Choose the price: from an accuracy, or from what errors do.",
    "reproduce": "Regenerate a paper's table and figure, published and computed side by side.",
    "run": "Carry out a signed plan: files in, what each is owed out.",
    "schema": "The JSON Schema of every document.",
    "simulate": "Run it on sampled or real data; promised against realised.",
    "solve": "Solve a problem: who collects what, what it brings, why it holds.",
    "sweep": "Solve many instances of a problem; killed, it resumes.",
    "verify": "Recompute independently what run returned.",
}
"""What the help lists, the first lines of the commands' own: each is imported when it is used."""

_EXAMPLES = (
    "jaxmech solve clinics                          solve a shipped problem",
    "jaxmech examples clinics > mine.toml           start a problem of your own",
    "jaxmech solve mine.toml --plot plan.png        solve and draw it",
    "jaxmech solve mine.toml --json - | jq .plan    for other programs",
    "jaxmech price clinics --standard-error 0.1     the price that buys an accuracy",
    "jaxmech audit three-agents                     would anybody cheat?",
    "jaxmech simulate clinics                       run it on real patients",
    "jaxmech design equal-agents                    a better mechanism, proven",
    "jaxmech run agreement.json files -o returns    carry out a signed plan",
    "jaxmech app                                    a form in the browser instead of files",
    "jaxmech sweep uncertain-costs -o results       many instances, resumable",
    "jaxmech reproduce appendix-c                   the paper's table, recomputed",
)


@click.group(
    cls=Group,
    lines=_COMMANDS,
    epilog=examples_of(*_EXAMPLES),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="jaxmech", prog_name="jaxmech", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> int:
    """Design and certify mechanisms for sharing data.

    Exit codes: 0 done; 1 solved badly (a status other than OK, or a claim that fails); 2 bad input or usage, one line
    on standard error; 130 interrupted. Input and output are regular files: pipes and devices are refused.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return DONE
