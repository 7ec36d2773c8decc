"""What may hold before anything is done."""

from typing import Final

from runmend.runbook.forms.words import (
    ABOVE,
    ANY_CONTAINER,
    BELOW,
    COMPARED,
    COUNT,
    EVERY_CONTAINER,
    EXACTLY,
    IS,
    NOT_READY,
    RESTART_COUNT,
    ROLLED_OUT,
    WELL,
    WHOSE,
    Form,
)
from runmend.runbook.phrases import DURATION, STATE

_RESTARTS = rf"(?:{WHOSE}(?:containers?|pods?) (?:has |have )?restarted|{RESTART_COUNT}(?: is| are)?)"
_ROLLOUT = rf"(?:a )?{WHOSE}(?:rollout|roll-out) (?:(?:is|has) )?"

FORMS: Final = (
    Form(
        rf"(?:(?:the|a|any|affected|pods?) )*(?:pod|container|its container|init container)s?(?: status| state)? {IS}"
        rf"(?: in)?(?: an?| the)? (?P<shown>{STATE})(?: state| status)?",
        "{shown}",
        ("Pod is in ImagePullBackOff", "The container is currently stuck in CrashLoopBackOff", "Pod is Evicted"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:containers?|pods?) (?:is|are|was|were|has been|have been|gets?) (?:last )?"
        rf"(?:(?:terminated|killed|ended) )?(?:(?:for|by|as|with|because of) (?:an? |the )?)?(?P<ended>{STATE})",
        'terminated("{ended}")',
        ("Container was OOMKilled", "Container was terminated for OOMKilled"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:container )?last (?:termination|state)(?: reason)? (?:is|was) (?P<ended>{STATE})",
        'terminated("{ended}")',
        ("Last termination reason is OOMKilled",),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:container |last )*exit code (?:is|was) {COUNT}",
        ANY_CONTAINER.format("c.exit_code == {count} || c.last_exit_code == {count}"),
        ("Exit code is 137",),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{_RESTARTS} {ABOVE} {COUNT}(?: times?)?",
        ANY_CONTAINER.format("c.restarts {compared} {count}"),
        ("Container has restarted more than 3 times", "Restart count is above 5", "Restart count exceeds 3"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{_RESTARTS} {BELOW} {COUNT}(?: times?)?",
        EVERY_CONTAINER.format("c.restarts {compared} {count}"),
        ("Pod has restarted fewer than 5 times", "Restart count is below 5"),
        where="condition",
    ),
    Form(
        rf"{_RESTARTS} {EXACTLY} {COUNT}(?: times?)?",
        f"{ANY_CONTAINER.format('c.restarts {compared} {count}')} && !{ANY_CONTAINER.format('c.restarts > {count}')}",
        ("Container has restarted exactly 3 times",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:pods?|phase)(?: (?:phase|status) of the pod)?(?: phase| status)? (?:is|are)(?: still| stuck)*"
        r"(?: in)?(?: phase| state)? (?P<phase>pending|failed|succeeded|unknown)(?: phase| state)?",
        "pods.exists(p, p.phase == '{phase}')",
        ("Pod is Pending", "Pod phase is Failed"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:pods?|containers?) (?:(?:is|are) (?:not|no longer) {WELL}|(?:is|are) (?:unhealthy|unready))",
        NOT_READY,
        ("Pod is not Ready", "Pods are unhealthy"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"(?:no|none of the) (?:pods?|replicas?|containers?) (?:is|are) {WELL}|"
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) has no {WELL} (?:pods?|replicas?)",
        "!pods.exists(p, p.running)",
        ("No pod is Ready", "The Deployment has no available replicas"),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:pods?) (?:is|are|could|can|has|have) (?:not (?:be )?(?:been )?scheduled|no node)",
        "pods.exists(p, !p.scheduled)",
        ("Pod is not scheduled",),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) (?:has|wants|must have|runs) {COMPARED} {COUNT} "
        rf"(?:pods?|replicas?)",
        "workload.replicas {compared} {count}",
        ("The Deployment has at least 2 replicas", "Deployment has more than 1 replica"),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset|rollout) (?:is|must)(?: be)? paused",
        "workload.paused",
        ("The Deployment is paused",),
        where="condition",
        trouble=True,
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset|rollout) (?:is|must) not (?:be )?paused",
        "!workload.paused",
        ("The Deployment is not paused", "Rollout must not be paused"),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) has (?:a|any) previous revision(?: to (?:roll|go)"
        rf" back to)?|"
        r"(?:there is )?a previous revision(?: exists)?",
        "workload.previous_revision != null",
        ("The Deployment has a previous revision", "There is a previous revision"),
        where="condition",
    ),
    Form(
        rf"{_ROLLOUT}(?:in progress|under way)",
        f"!({ROLLED_OUT})",
        ("A rollout is in progress",),
        where="condition",
    ),
    Form(
        rf"{_ROLLOUT}(?:incomplete|stuck|not (?:complete|completed|finished))",
        f"!({ROLLED_OUT})",
        ("The rollout is stuck", "The rollout has not completed"),
        where="condition",
        trouble=True,
    ),
    Form(
        r"(?:the )?namespace (?:is|must be) (?P<namespace>[a-z0-9-]+)",
        "target.namespace == '{namespace}'",
        ("Namespace is staging",),
        where="condition",
    ),
    Form(
        r"(?:the )?namespace (?:is|must) not (?:be )?(?P<namespace>[a-z0-9-]+)",
        "target.namespace != '{namespace}'",
        ("Namespace is not kube-system",),
        where="condition",
    ),
    Form(
        r"(?:the |affected )*pod (?:must be|is|should be|has to be|must) (?:owned|managed|controlled|created) by "
        r"(?:a |an |the )?(?P<owner>\w+)",
        "",
        ("Pod must be owned by a Deployment", "Pod is managed by a StatefulSet"),
        where="condition",
    ),
    Form(
        r"(?P<labels>(?:requires?|required|needs|optional(?:ly)?|no)\b.*)",
        "",
        ("Requires: `namespace`, `pod` labels (and optional `container`)", "Requires: no labels"),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) has no previous revision|(?:there is )?no previous"
        rf" revision(?: exists)?",
        "workload.previous_revision == null",
        ("The Deployment has no previous revision",),
        where="condition",
    ),
    Form(
        r"no (?:rollout|roll-out) (?:is )?(?:in progress|under way|running)|"
        rf"{WHOSE}(?:rollout|roll-out) (?:is not|isnt) in progress",
        ROLLED_OUT,
        ("No rollout is in progress",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:containers?|pods?|process) (?:has |have )?(?:exited|ended|terminated|exits) with (?:exit"
        rf" )?code {COUNT}",
        ANY_CONTAINER.format("c.exit_code == {count} || c.last_exit_code == {count}"),
        ("Container exited with code 137",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}pod (?:is|has been running for) (?:older than|more than|over|at least)(?: (?P<age>{DURATION}))(?:"
        rf" old)?",
        "pod.age > {age}",
        ("Pod is older than 10 minutes",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}container has an? (?P<resource>memory|cpu) (?P<bound>limit|request)(?: set)?|"
        r"an? (?P<which>memory|cpu) (?P<what>limit|request) is (?:set|configured)",
        "container.{bound}{what}.{resource}{which} != null",
        ("Container has a memory limit",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}container has no (?P<resource>memory|cpu) (?P<bound>limit|request)(?: set)?|"
        r"no (?P<which>memory|cpu) (?P<what>limit|request) is (?:set|configured)",
        "container.{bound}{what}.{resource}{which} == null",
        ("Container has no memory limit",),
        where="condition",
    ),
    Form(
        r"(?:(?:the|its) )*(?:alerts? )?severity (?:is|=|equals) (?P<label>[a-z][a-z0-9-]*)",
        "alert.severity == '{label}'",
        ("Alert severity is critical",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) (?:is|has) (?:not|no longer) (?:fully )?"
        rf"(?:available|healthy|ready)",
        f"!({ROLLED_OUT})",
        ("The Deployment is not available",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) (?:is|must be) (?:managed|owned|deployed|"
        rf"controlled) by (?P<manager>argo ?cd|argo|flux|helm)",
        "workload.{manager} != ''",
        ("The Deployment is managed by Argo CD",),
        where="condition",
    ),
    Form(
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) (?:is|must) not (?:be )?(?:managed|owned|deployed|"
        rf"controlled) by (?P<manager>argo ?cd|argo|flux|helm)",
        "workload.{manager} == ''",
        ("The Deployment is not managed by Helm",),
        where="condition",
    ),
)
