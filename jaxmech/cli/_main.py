"""The entry point."""

import click

from jaxmech.cli._app import app
from jaxmech.cli._audit import audit
from jaxmech.cli._commit import commit
from jaxmech.cli._design import design
from jaxmech.cli._doctor import doctor
from jaxmech.cli._examples import examples
from jaxmech.cli._group import DONE, Group
from jaxmech.cli._options import examples_of
from jaxmech.cli._price import price
from jaxmech.cli._reproduce import reproduce
from jaxmech.cli._run import run
from jaxmech.cli._schema import schema
from jaxmech.cli._simulate import simulate
from jaxmech.cli._solve import solve
from jaxmech.cli._sweep import sweep
from jaxmech.cli._verify import verify

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


for command in (
    solve,
    price,
    audit,
    simulate,
    design,
    commit,
    run,
    verify,
    app,
    sweep,
    examples,
    schema,
    doctor,
    reproduce,
):
    main.add_command(command)
