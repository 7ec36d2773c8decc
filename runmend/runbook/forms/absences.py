"""What must not happen, and what must stay as it is."""

from typing import Final

from runmend.runbook.forms.words import COUNT, NO, NOT, OF_ANY, RESTART_COUNT, SEEN, SOME, WHOSE, Form
from runmend.runbook.phrases import STATE

FORMS: Final = (
    Form(
        rf"{NO}(?P<event>{STATE})(?: state)? events?{SEEN}",
        f'!events.new("{{event}}") && {SOME} && !waiting("{{event}}")',
        ("No new `ImagePullBackOff` events for 5 minutes", "No CrashLoopBackOff events for 10 minutes"),
        must="stay",
    ),
    Form(
        rf"{NO}warnings?(?: events?)?{SEEN}",
        f'!events.new("Warning") && {SOME}',
        ("No new warning events for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{NO}(?P<ended>{STATE})(?: container)? (?:terminations?|kills?|restarts?|exits?){SEEN}",
        f'!(restarted && terminated("{{ended}}")) && {SOME}',
        ("No OOMKilled terminations for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{NO}(?:containers?|pods?) (?:is |are |get |gets )?(?P<ended>{STATE})",
        f'!(restarted && terminated("{{ended}}")) && {SOME}',
        ("No container is OOMKilled for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{NO}(?:container |pod )?restarts?{OF_ANY}{SEEN}",
        f"!restarted && {SOME}",
        ("No container restarts for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"no {WHOSE}(?:containers?|pods?) (?:restarts?|restarted)(?: again)?",
        f"!restarted && {SOME}",
        ("No containers restarted for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{WHOSE}(?:containers?|pods?) {NOT} (?:restarts?|restarting|crash(?:es|ing)?)(?: again)?",
        f"!restarted && {SOME}",
        ("The container does not restart for 5 minutes",),
        must="stay",
    ),
    Form(
        rf"{NO}(?:container |pod )?(?:crash events?|crashes|crash ?loops?){OF_ANY}{SEEN}",
        f'!restarted && {SOME} && !waiting("CrashLoopBackOff")',
        ("No crashes for 10 minutes", "No further crash events for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{RESTART_COUNT} (?:{NOT} (?:increase|grow|change|increasing|growing)|"
        r"(?:is |remains? |stays? )(?:stable|constant|unchanged|the same))",
        f"!restarted && {SOME}",
        ("Restart count does not increase for 10 minutes", "Restart count remains stable"),
        must="stay",
    ),
    Form(
        rf"{RESTART_COUNT} (?:is|are|stays?|remains?) (?:below|under|less than|lower than) {COUNT}",
        f"{SOME} && pods.all(p, p.containers.all(c, c.restarts < {{count}}))",
        ("Restart count stays below 3 for 5 minutes",),
        must="stay",
    ),
)
