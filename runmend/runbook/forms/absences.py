"""What must not happen, and what must stay as it is."""

from typing import Final

from runmend.runbook.forms.words import (
    COUNT,
    NAMED_STATE,
    NO,
    NOT,
    OF,
    OF_ANY,
    REASON,
    RESTART_COUNT,
    SEEN,
    SOME,
    WHOSE,
    Form,
)
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
        rf"{NO}(?:container |pod )?(?:crash events?|crashes|crash ?loops?|crashloopbackoff){OF_ANY}{SEEN}",
        f'!restarted && {SOME} && !waiting("CrashLoopBackOff")',
        ("No crashes for 10 minutes", "No further crash events for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{RESTART_COUNT} (?:{NOT} (?:increase|grow|change|increasing|growing|increased|grown|changed)|"
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
    Form(
        rf"(?:there (?:are|should be|must be) |{WHOSE}(?:pods?|containers?) (?:has|have) )?"
        rf"(?P<sign>fewer than|less than|at most|no more than) {COUNT} (?:container |pod )?restarts?{OF_ANY}{SEEN}",
        f"{SOME} && pods.all(p, p.containers.all(c, c.restarts {{sign}} {{count}}))",
        ("Fewer than 3 restarts", "Fewer than 3 restarts for 10 minutes", "At most 2 restarts of any container"),
        must="stay",
    ),
    Form(
        rf"{NO}(?P<reason>{REASON}) events?{SEEN}",
        f'!events.new("{{reason}}") && {SOME}',
        ("No `FailedMount` events for 5 minutes", "No new Unhealthy events for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{NO}(?:(?:(?:readiness|liveness|startup|failed|failing|and|or) )*(?:probe|health ?check)s? (?:failures?|"
        rf"failed|failing|errors?)"
        rf"(?: events?)?|failed (?:probes?|health ?checks?)){SEEN}|"
        rf"{WHOSE}(?:(?:readiness|liveness|startup|and|or) )*(?:probe|health ?check)s?{OF} {NOT} (?:fails?|failed|"
        r"failing)(?: again)?",
        f'!events.new("Unhealthy") && {SOME}',
        ("No readiness probe failures for 5 minutes", "Readiness probe does not fail for 5 minutes"),
        must="stay",
    ),
    Form(
        rf"{NO}(?:events? of type warning|error events?|failure events?){SEEN}",
        f'!events.new("Warning") && {SOME}',
        ("No new events of type Warning for 10 minutes",),
        must="stay",
    ),
    Form(
        rf"{NO}(?P<ended>{STATE}) (?:containers?|pods?){SEEN}|"
        rf"{NO}(?:containers?|pods?) (?:is |are |was |were |gets? )?(?:being )?(?:terminated|killed|ended)(?: again)? "
        rf"(?:with|for|due to|because of|by|as) (?:reason )?(?P<killed>{STATE})|"
        rf"{WHOSE}(?:containers?|pods?) (?:is |are |gets? )?(?:{NOT}|not|no longer)(?: being| get)* "
        rf"(?P<again>{STATE})(?: killed)?(?: again)?",
        f'!(restarted && terminated("{{ended}}{{killed}}{{again}}")) && {SOME}',
        (
            "No OOMKilled containers for 10 minutes",
            "Container is not OOMKilled again for 15 minutes",
            "No containers terminated due to OOMKilled for 10 minutes",
        ),
        must="stay",
        where="criterion",
    ),
    Form(
        rf"{RESTART_COUNT} (?:is |are |stays? |remains? )?(?:at |equal to )?(?:0|no)|{WHOSE}(?:containers?|pods?)"
        rf" {NOT} restarted(?: again)?|{WHOSE}(?:container |pod )?restarts? (?:stop|cease|end)",
        f"!restarted && {SOME}",
        ("Restarts remain at 0 for 10 minutes",),
        must="stay",
        where="criterion",
    ),
    Form(
        rf"{WHOSE}(?:process|main process)? ?{NOT} (?:crash(?:es|ing)?|crashed|restarted|restarts?)(?: again)?",
        f"!restarted && {SOME}",
        ("The application does not crash for 10 minutes",),
        must="stay",
        where="criterion",
    ),
    Form(
        rf"{NO}(?P<ended>{STATE})(?: errors?| status| state| conditions?)?{SEEN}",
        f'!(restarted && terminated("{{ended}}")) && {SOME}',
        ("No OOMKilled for 10 minutes", "No further OOMKilled"),
        must="stay",
        where="criterion",
    ),
    Form(
        rf"{NO}{NAMED_STATE}(?: (?:pods?|containers?|errors?|status|conditions?))?{SEEN}(?: remains?| left)?",
        f'{SOME} && !waiting("{{state}}")',
        ("No more ImagePullBackOff",),
        lasting="",
        where="criterion",
    ),
)
