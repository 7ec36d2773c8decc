"""What pods and their workload must become."""

from typing import Final

from runmend.runbook.forms.words import (
    ALL_RUN,
    AT_LEAST,
    BECOME,
    COUNT,
    IN,
    MOVE,
    NAMED_STATE,
    NO,
    OF,
    PODS,
    PROBES,
    READY,
    ROLLED_OUT,
    RUNNING,
    SOME,
    START,
    STARTED,
    STAY,
    WHOSE,
    Form,
)

FORMS: Final = (
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?{MOVE}from {NAMED_STATE} to {RUNNING}",
        f'{ALL_RUN} && !waiting("{{state}}")',
        ("Pod transitions from `ImagePullBackOff` to `Running`", "Pods move from CrashLoopBackOff to Ready"),
        where="criterion",
        leaves=True,
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?{MOVE}to {RUNNING}",
        ALL_RUN,
        ("Pod returns to Running",),
    ),
    Form(
        rf"{WHOSE}(?:pods?|replicas?|containers?){OF} {BECOME}{RUNNING}",
        ALL_RUN,
        ("All pods are Running and Ready", "Pod becomes healthy", "All replicas are available"),
        lasting="!restarted",
    ),
    Form(
        rf"{WHOSE}(?:pods?|replicas?|containers?){OF} {STAY}{RUNNING}",
        f"{ALL_RUN} && !restarted",
        ("Pods stay Ready for 10 minutes", "The container remains running"),
        must="stay",
    ),
    Form(
        rf"{WHOSE}(?:pods?|containers?) pass(?:es)? (?:the |its |their |all )*(?:readiness )?{PROBES}",
        READY,
        ("Pod passes its readiness probe", "Containers pass their health checks"),
    ),
    Form(
        rf"{WHOSE}readiness {PROBES} (?:is |are )?(?:pass(?:es|ing)?|succeeds?|succeeding)",
        READY,
        ("Readiness probes pass",),
    ),
    Form(
        (
            rf"{WHOSE}containers? (?:has |have |is |are )?(?:{START})(?: up)?(?: successfully| cleanly| again| "
            r"without errors?)?"
        ),
        f"{STARTED} && !restarted",
        ("Container starts successfully", "All containers have started"),
    ),
    Form(
        rf"{WHOSE}(?:pods?|containers?) (?:is |are )?(?:no longer|not) (?:in |stuck in )?(?:the )?{NAMED_STATE}",
        f'{SOME} && !waiting("{{state}}")',
        ("Pod is no longer in ImagePullBackOff",),
        lasting="",
    ),
    Form(
        rf"{NO}(?:pods?|containers?|replicas?){IN}{NAMED_STATE}",
        f'{SOME} && !waiting("{{state}}")',
        ("No pods in CrashLoopBackOff", "No container is in ImagePullBackOff state"),
        lasting="",
    ),
    Form(
        rf"{AT_LEAST} {COUNT} (?:pods?|replicas?)(?: of (?:the|its) \w+)? {BECOME}{RUNNING}",
        "pods.filter(p, p.running).size() >= {count}",
        ("At least 2 replicas are available",),
        lasting="",
    ),
    Form(
        (
            rf"{AT_LEAST} (?P<percent>\d{{1,3}}) ?(?:%|percent) of (?:the |all )*(?:pods|replicas) "
            rf"{BECOME}{RUNNING}"
        ),
        f"{SOME} && pods.filter(p, p.running).size() * 100 >= {{percent}} * pods.size()",
        ("At least 80% of the pods are Ready",),
        lasting="",
    ),
    Form(
        (
            r"(?:the )?(?:deployment |workload )?(?:rollout|deployment|roll-out)(?: status)? (?:is |has |has been )?"
            r"(?:successfully )?(?:completes?|completed|finish(?:es|ed)?|succeeds?|succeeded|successful)"
            r"(?: successfully)?"
        ),
        ROLLED_OUT,
        ("Rollout completes", "The deployment rollout has completed successfully"),
    ),
    Form(
        (
            r"(?:the )?(?:deployment|workload) (?:is|becomes|must be|should be) (?:fully )?"
            r"(?:available|healthy|ready|up)(?: again)?"
        ),
        ROLLED_OUT,
        ("The Deployment is available",),
        lasting="!restarted",
    ),
)
