"""Runbooks of any length that were written to take long: for each rule of the grammar what it could be slow at."""

from typing import Final

HEAD: Final = "---\nrunbook_id: RB_X\nalertname: A\ntitle: t\nworkflow:\n  - action_id: a\n---\n"
ACTION: Final = f"{HEAD}# T\n\n## Remediation Actions\n\n### a\n\n- **action_id**: `a`\n"
GET: Final = f"{ACTION}- command: `kubectl get events -n {{namespace}}"
PATCH: Final = f"{ACTION}- command: `kubectl patch deployment {{deployment}} -n {{namespace}} -p "
CONTAINERS: Final = '\'{"spec":{"template":{"spec":{"containers":['
END: Final = "]}}}}'`\n"
GATED: Final = f"{GET}`\n- conditions:\n"
DESCRIBED: Final = f"{PATCH}x`\n- description: "
CRITERIA: Final = f"{ACTION}\n## Success Criteria\n\n"
STEPS: Final = f"{ACTION}\n## Diagnostic Steps\n\n"

HOSTILE: Final[dict[str, tuple[str, str, str]]] = {
    # Headings
    "a heading of marks": (f"{HEAD}# a", "!", "a"),
    "a heading of underscores": (f"{HEAD}# a", "_", "a"),
    "a heading of ends": (f"{HEAD}# a", " #", "a"),
    "a heading of hashes": (f"{HEAD}# a ", "#", "a"),
    "headings": (HEAD, "# a\n", ""),
    "headings below a large action": (f"{HEAD}# T\n## a\n- action_id: a\n", "- b: c\n", "§### b\n"),
    "an underlined paragraph": (HEAD, "a\n", "§="),
    # HTML and comments
    "comments without an end in a paragraph": (f"{HEAD}a ", "<!--", ""),
    "comments without an end": (HEAD, "<!--", ""),
    "comments in blocks": (HEAD, "<!-- a\n\n", ""),
    "comments that end once": (HEAD, "<!--\n", "-->"),
    "processing instructions": (f"{HEAD}a ", "<?", ""),
    "declarations": (f"{HEAD}a ", "<!A ", ""),
    "character data": (f"{HEAD}a ", "<![CDATA[", ""),
    "tags": (f"{HEAD}a ", "<a ", ""),
    "a tag's attributes": (f"{HEAD}a <a ", "a = ", ""),
    "attributes without an end": (f"{HEAD}a ", "<a b='", ""),
    "HTML blocks": (HEAD, "<div>\n\n", ""),
    # Links, marks, code
    "addresses": (f"{HEAD}a ", "<ab:", ""),
    "mail addresses": (f"{HEAD}a <a@", "a.", ""),
    "brackets": (f"{HEAD}a ", "[", ""),
    "links without an end": (f"{HEAD}a ", "[a](", ""),
    "links with a title without an end": (f"{HEAD}a ", '[a](b "c', ""),
    "a link of parentheses": (f"{HEAD}a [a](", "(", ""),
    "pictures": (f"{HEAD}a ", "![a](", ""),
    "pictures within pictures": (f"{HEAD}a ", "![", "§](a)"),
    "backticks": (f"{HEAD}a ", "`a``b", ""),
    "stars": (f"{HEAD}a ", "*", ""),
    "stars that open": (f"{HEAD}a ", "*a **a ", ""),
    "stars that close": (f"{HEAD}a ", "a**b", "§c* "),
    "entities": (f"{HEAD}a ", "&#x", ""),
    "references": (HEAD, "[a]: b '\n", ""),
    "references by number": (HEAD, "[№]: b\n", ""),
    "references without an end": (HEAD, "[a\n", ""),
    # Blocks
    "quotes": (HEAD, ">", ""),
    "a quote that goes on": (f"{HEAD}>>>>>>>>>>>>>>>>>>> a\n", "a\n", ""),
    "lists in lists": (HEAD, "- ", ""),
    "a list": (HEAD, "- a\n\n", ""),
    "lists": (HEAD, "- a\n+ a\n", ""),
    "a paragraph of lines": (HEAD, "a\n", ""),
    "spaces": (f"{HEAD}a", " ", "b"),
    "columns": (HEAD, "|a", "\n|-|-|\n"),
    "rows": (f"{HEAD}|a|b|\n|-|-|\n", "|a|b|\n", ""),
    "fences": (HEAD, "```\n", ""),
    "marks on a letter": (f"{PATCH}x`\n- description: a", "\u0300\u0316", ""),
    "letters that stand for many": (DESCRIBED, "\ufdfa", ""),
    # Front matter and YAML
    "dashes": ("---\n", "-", ""),
    "lines of dashes": ("---\n", "---\n", ""),
    "a front matter of spaces": ("---", " ", "a"),
    "keys": ("---\n", "k№: 1\n", "---\n"),
    "a workflow": ("---\nworkflow:\n", "- k№\n", "---\n"),
    "a workflow in one line": ("---\nworkflow: [", "a,", "]\n---\n"),
    "silences": ("---\nsilence:\n", "- unred-kye\n", "---\n"),
    "lines of a value": ("---\ntitle: |\n", "  a\n", "---\n"),
    "a value of escapes": ('---\ntitle: "', "\\\n", '"\n---\n'),
    "complex keys": ("---\n", "? a\n", "---\n"),
    "directives": ("---\n", "%TAG ! a\n", "---\n"),
    # Actions, their items and their commands
    "actions": (HEAD, "## a№\n- action_id: a№\n- command: `kubectl get events -n {namespace}`\n", ""),
    "one action's ids": (f"{HEAD}## a\n", "- action_id: a\n", ""),
    "parameters and placeholders": (
        ACTION,
        "- p№: v\n",
        "- command: `kubectl get events -n {namespace} --field-selector §reason={q№},",
    ),
    "a command's word": (f"{ACTION}- command: `kubectl ", "a", "`\n"),
    "a command's quoted word": (f'{ACTION}- command: `kubectl "', "a", '"`\n'),
    "a command's quotes": (f"{ACTION}- command: `kubectl ", "'a'", "`\n"),
    "a command's backslashes": (f"{ACTION}- command: `kubectl ", "\\a", "`\n"),
    "a command's words": (f"{GET} ", "a ", "`\n"),
    "a command's flags": (f"{GET} ", "-o a ", "`\n"),
    "a placeholder without an end": (f"{GET} {{", "a", "`\n"),
    "terms of a selector": (f"{GET} --field-selector ", "reason=a,", "`\n"),
    "unknown placeholders": (f"{GET} --field-selector ", "reason={q№},", "`\n"),
    "containers": (f"{PATCH}{CONTAINERS}", '{"name":"a№","image":"b"},', f'{{"name":"a","image":"b"}}{END}'),
    "one container": (f"{PATCH}{CONTAINERS}", '{"name":"a","image":"b"},', f'{{"name":"a","image":"b"}}{END}'),
    "an image": (f'{PATCH}{CONTAINERS}{{"name":"{{container}}","image":"', "a-", f'!"}}{END}'),
    "a patch in lines": (f"{PATCH}{CONTAINERS}\n", '  {"name":"a№",\n   "image":"b"},\n', END),
    # Sentences
    "labels": (GATED, "  - Requires: `l№` label\n", ""),
    "spaces in a condition": (GATED, f"  - Requires: labels\n\n    ```\n    {' ' * 370}x\n    ```\n", ""),
    "commas in a condition": (GATED, f"  - Requires: labels{',' * 370}x\n", ""),
    "optional labels": (GATED, f"  - Requires: labels {'(optional ' * 38}x\n", ""),
    "states": (GATED, f"  - pod is in {'a or ' * 75}x\n", ""),
    "pods": (GATED, f"  - {'pod ' * 95}x\n", ""),
    "a leading condition": (f"{DESCRIBED}If ", "a, ", ""),
    "a description": (DESCRIBED, "the ", ""),
    "a description of dashes": (f"{DESCRIBED}a ", "-", ""),
    "a description of digits": (DESCRIBED, "1", ""),
    "a description of clauses": (f"{DESCRIBED}patch, ", "so a. ", ""),
    "criteria": (CRITERIA, "- pod is running\n", ""),
    "criteria and their introductions": (CRITERIA, "a:\n\n- pod is running\n\n", ""),
    "words of a criterion": (CRITERIA, f"- {'the ' * 95}x\n", ""),
    "events of a criterion": (CRITERIA, f"- no {'new ' * 30}{'a or ' * 40} events for x!\n", ""),
    "durations": (CRITERIA, f"- no restarts for {'5 m, ' * 70}x\n", ""),
    "an introduction": (f"{CRITERIA}following ", "w", ":"),
    "the end of a criterion": (f"{CRITERIA}- not", "!", "a"),
    "alternatives": (f"{CRITERIA}- one of a:\n", "  - a\n", ""),
    "what to look for": (f"{STEPS}1. a\n   - Look for: ", "a, ", ""),
    "queries": (STEPS, "1. a\n   - Query: `kubectl get events`\n", ""),
    "headings of steps": (STEPS, "### 1\n- Query: a\n", ""),
    "points": (f"{STEPS}1. a\n", f"   - verify image {'pull ' * 70}\n", ""),
    "empty spans": (f"{ACTION}- ", "** **", "\n"),
    "lines of an item": (f"{ACTION}- **a**: ", "a\n  ", "\n"),
}
"""What it begins with, what is repeated, what it ends with: `№` is counted, and what follows `§` is repeated too."""


def hostile_text(before: str, piece: str, after: str, size: int) -> str:
    """A text of at most so many bytes."""
    fixed, _, second = after.partition("§")
    room = size - len((before + fixed).encode())
    if second:
        return f"{before}{_repeated(piece, room // 2)}{fixed}{_repeated(second, room // 2)}"
    return f"{before}{_repeated(piece, room)}{fixed}"


def _repeated(piece: str, size: int) -> str:
    count = max(size // len(piece.replace("№", "1000").encode()), 1)
    return "".join(piece.replace("№", str(number)) for number in range(count)) if "№" in piece else piece * count
