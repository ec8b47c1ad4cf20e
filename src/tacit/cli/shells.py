"""Completion in bash, zsh and fish: the script that a shell loads, and the answer that it gets at every Tab.

The scripts hand over the line as it stands before the cursor; what is a word in it is decided here, because shells
differ (bash takes ``@`` and ``:`` for ends of words). An answer is one candidate on each line behind its kind. Nothing
is printed when something fails: a person who presses Tab did not ask for an error.
"""

from __future__ import annotations

import os
from typing import Final

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

_BASH: Final = """\
_tacit_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            dir,*) compopt -o dirnames 2>/dev/null ;;
            file,*) compopt -o default 2>/dev/null ;;
            plain,*) COMPREPLY+=("${line#*,}") ;;
        esac
    done < <(_TACIT_COMPLETE=bash_complete _TACIT_LINE="${COMP_LINE:0:COMP_POINT}" _TACIT_WORD="$2" \\
        "${1/#\\~/$HOME}" 2>/dev/null)
}
complete -o nosort -F _tacit_completion tacit 2>/dev/null || complete -F _tacit_completion tacit
"""

_ZSH: Final = """\
#compdef tacit
_tacit() {
    local -a values shown
    local line value
    for line in "${(@f)$(_TACIT_COMPLETE=zsh_complete _TACIT_LINE="${words[1,CURRENT]}" \\
        "${words[1]/#\\~/$HOME}" 2>/dev/null)}"; do
        case $line in
            dir,*) _path_files -/ ;;
            file,*) _files ;;
            plain,*)
                value=${${line#*,}%%$'\\t'*}
                values+=("$value")
                shown+=("$value${${line#*,}#"$value"}")
                ;;
        esac
    done
    shown=("${(@)shown/$'\\t'/  -- }")
    (( $#values )) && compadd -U -V tacit -d shown -a values
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _tacit "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _tacit tacit
fi
"""

_FISH: Final = """\
function __tacit_complete
    set -l words (commandline -opc)
    set -l command (string replace -r '^~' $HOME -- $words[1])
    for line in (env _TACIT_COMPLETE=fish_complete _TACIT_LINE=(commandline -cp | string collect) $command 2>/dev/null)
        switch $line
            case 'dir,*'
                __fish_complete_directories (commandline -ct)
            case 'file,*'
                __fish_complete_path (commandline -ct)
            case 'plain,*'
                string replace -r '^plain,' '' -- $line
        end
    end
end
complete --no-files --keep-order --command tacit --arguments '(__tacit_complete)'
"""


class _Shell(ShellComplete):
    """What the three have in common."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The finished words behind the command's name, and the one being typed."""
        words, last = split_line(os.environ.get("_TACIT_LINE", ""))
        return words[1:], unquoted(last)[0]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Candidates for the whole word, also where it is an option and its value."""
        found = super().get_completions(args, incomplete)
        if incomplete.startswith("--") and "=" in incomplete:
            option = incomplete.partition("=")[0]
            return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in found]
        return found

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Kind and value, and after a tab what it is."""
        about = (item.help or "").splitlines()
        return f"{item.type},{item.value}{chr(9) if about else ''}{about[0] if about else ''}"

    def complete(self) -> str:
        """Every candidate on a line; none when something fails."""
        try:
            return super().complete()
        except Exception:  # noqa: BLE001 - whatever it was, it must not get between a person and the command line
            return ""


class Bash(_Shell):
    """Bash puts an answer in the place of what it takes for the word, without quoting it: so that is done here."""

    name = "bash"
    source_template = _BASH.replace("%", "%%")

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Kind, and the value from where bash's own word begins, quoted as the word is."""
        if item.type != "plain":
            return f"{item.type},"
        _, last = split_line(os.environ.get("_TACIT_LINE", ""))
        own = os.environ.get("_TACIT_WORD", "")
        before = last[: len(last) - len(own)] if last.endswith(own) else ""
        kept, quote = unquoted(before)
        if not item.value.startswith(kept):
            return "none,"
        quoted = quoted_for_bash(item.value[len(kept) :], quote)
        return "none," if quoted is None else f"plain,{quoted}"


class Zsh(_Shell):
    """Zsh quotes what it inserts."""

    name = "zsh"
    source_template = _ZSH.replace("%", "%%")


class Fish(_Shell):
    """Fish quotes what it inserts."""

    name = "fish"
    source_template = _FISH.replace("%", "%%")


def register() -> None:
    """Put these in the place of click's own."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def script(shell: str) -> str:
    """What a shell loads."""
    return {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]


def split_line(line: str) -> tuple[list[str], str]:
    """The finished words of a line, unquoted, and the unfinished last one as it was typed, perhaps empty."""
    words: list[str] = []
    start, quote, index = 0, "", 0
    while index < len(line):
        character = line[index]
        if character == "\\" and quote != "'":
            index += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in " \t\n":
            words += [unquoted(line[start:index])[0]] * (index > start)
            start = index + 1
        index += 1
    return words, line[start:]


def unquoted(word: str) -> tuple[str, str]:
    """A word as a program gets it, and the quotation mark that is still open at its end, if any."""
    text, quote = "", ""
    characters = iter(word)
    for character in characters:
        if character == "\\" and quote != "'":
            following = next(characters, "")
            text += following if not quote or following in '$`"\\' else character + following
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        else:
            text += character
    return text, quote


def quoted_for_bash(text: str, quote: str) -> str | None:
    """Text as bash reads it back, inside an open quotation mark or none; None where that cannot be done."""
    if quote == "'":
        return None if "'" in text else text
    if quote == '"':
        # An exclamation mark recalls history there, and no backslash keeps it from that without staying in the text.
        return None if "!" in text else "".join(f"\\{c}" if c in '$`"\\' else c for c in text)
    plain = "@%+=:,./_-~"
    return "".join(c if c.isalnum() or c in plain else f"\\{c}" for c in text)
