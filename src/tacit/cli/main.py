"""The entry point: runs one command and turns whatever happens into an exit code and a sentence, or one JSON object.

Exit codes are those of ``tacit.errors.ExitCode``, and 130 after Ctrl+C.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final, NoReturn, TextIO, cast

import click

from tacit.cli.errors import BadUsage, InternalError, SystemFailed, advice, beside
from tacit.cli.process_list import hide_secrets
from tacit.cli.tree import COMPLETE, TREE
from tacit.errors import ExitCode, TacitError

INTERRUPTED: Final = 130
"""What shells report for a command that Ctrl+C ended."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    _prepare_streams()
    given = sys.argv[1:] if args is None else args
    if args is None:
        hide_secrets(given)
    if COMPLETE in os.environ:
        from tacit.cli.shells import register

        register()
    try:
        sys.exit(_run(given))
    except BrokenPipeError:
        # What is still buffered must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(ExitCode.OK)


def _run(args: list[str]) -> int:
    json, stdout = "--json" in args, sys.stdout
    try:
        result = TREE.main(args, prog_name="tacit", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        hint = f"See {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        return _report(BadUsage(error.format_message()), json=json, hint=hint)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except TacitError as error:
        return _report(error, json=json)
    except SystemExit:
        if sys.stdout is not stdout:  # click met a reader who has gone, and silenced the stream: no error of ours
            return ExitCode.OK
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        return _report(SystemFailed(error.strerror or type(error).__name__), json=json)
    except Exception as error:  # noqa: BLE001 - the last door: a person gets a sentence, -vv the stack
        _log_stack(error)
        return _report(InternalError(type(error).__name__), json=json)
    return int(result) if isinstance(result, int) else ExitCode.OK


def _report(error: TacitError, *, json: bool, hint: str = "") -> int:
    from tacit.cli.output import beneath
    from tacit.ui import data

    if json:
        words = data.error(error)
        words["error"]["hint"] = hint or advice(error)
        words |= beside(error)
        click.echo(data.line(words))
    else:
        for line in beneath("tacit: ", (error.sentence, hint or advice(error)), sys.stderr):
            click.echo(line, err=True)
    return int(error.exit_code)


def _log_stack(error: Exception) -> None:
    import logging

    from tacit.log import stack_of

    logger = logging.getLogger("tacit.cli")
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("internal error\n%s", "\n".join(stack_of(error)))


def _prepare_streams() -> None:
    """Let no byte that a stream cannot carry end the program."""
    for stream, errors in ((sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace"), (sys.stdin, "replace")):
        with contextlib.suppress(AttributeError, ValueError):
            cast("TextIO", stream).reconfigure(errors=errors)  # type: ignore[attr-defined]  # io.TextIOWrapper has it
