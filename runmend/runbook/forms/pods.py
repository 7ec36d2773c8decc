"""What pods and their workload must become."""

from typing import Final

from runmend.runbook.forms.words import (
    ALL_RUN,
    AT_LEAST,
    AVAILABLE,
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
    WELL,
    WHOSE,
    Form,
)

_LEAVES = r"(?:leaves?|exits?|(?:is|are|gets?) out of|(?:moves?|transitions?|goes|comes?) out of|has left|have left)"
_THEN = rf"(?:(?:,? and|,) (?:{BECOME}|{MOVE}to |enters? )|,? to ){RUNNING}"
_REPLICAS = (
    r"(?:the )?(?:number of )?(?:available|ready|running|updated|current)(?: and (?:available|ready|updated))? ?"
    r"(?:replicas|pods)(?: count)?"
)
_WANTED = (
    r"(?:the )?(?:number of )?(?:desired|wanted|requested|expected|configured|specified)?(?: ?(?:replicas?|pods|"
    r"number|count))*"
)
_MATCH = r"(?:(?:is |are )?(?:equals?(?: to)?|match(?:es)?|the same as|reach(?:es)?)|=|==)"

FORMS: Final = (
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?{MOVE}from {NAMED_STATE} to {RUNNING}",
        f'{ALL_RUN} && !waiting("{{state}}")',
        ("Pod transitions from `ImagePullBackOff` to `Running`", "Pods move from CrashLoopBackOff to Ready"),
        where="criterion",
        leaves=True,
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?{MOVE}from (?:pending|waiting|not ?ready|unready|failed|unknown|error) "
        rf"to {RUNNING}",
        ALL_RUN,
        ("Pod transitions from Pending to Running",),
        where="criterion",
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} (?:{_LEAVES}|recovers? from) {NAMED_STATE}{_THEN}",
        f'{ALL_RUN} && !waiting("{{state}}")',
        ("Pod leaves CrashLoopBackOff and becomes Ready", "Pod moves out of ContainerCreating to Running"),
        where="criterion",
        leaves=True,
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?recover(?:s|ed)? from {NAMED_STATE}",
        f'{ALL_RUN} && !waiting("{{state}}")',
        ("The pod recovers from CrashLoopBackOff",),
        where="criterion",
        leaves=True,
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} {_LEAVES} {NAMED_STATE}|{NAMED_STATE.replace('state>', 'left>')} (?:is |has )?(?:been )?"
        r"(?:cleared|resolved|gone|over)",
        f'{SOME} && !waiting("{{state}}{{left}}")',
        ("Pod exits the ImagePullBackOff state", "CrashLoopBackOff state is cleared"),
        where="criterion",
    ),
    Form(
        rf"{WHOSE}{PODS}{OF} (?:has |have )?{MOVE}to {RUNNING}",
        ALL_RUN,
        ("Pod returns to Running",),
    ),
    Form(
        rf"{WHOSE}replicas?{OF} {BECOME}(?:{WELL}(?:,? and |, ?| & |/))*available(?:(?:,? and |, ?| & |/){WELL})*"
        r"(?: again)?",
        AVAILABLE,
        ("All replicas are available",),
        lasting="!restarted",
    ),
    Form(
        rf"{NO}unavailable replicas(?: remain| left)?",
        AVAILABLE,
        ("No unavailable replicas", "Deployment has 0 unavailable replicas"),
        lasting="",
    ),
    Form(
        r"(?P<sign>at most|no more than|fewer than|less than) (?P<count>\w+) (?:(?:pods?|replicas?) (?:is|are) "
        r"unavailable|unavailable (?:pods?|replicas?))|"
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) has (?P<at_least>at most|no more than|fewer than|"
        r"less than) (?P<has>\w+) unavailable (?:pods?|replicas?)",
        "workload.unavailable {sign}{at_least} {count}{has}",
        ("No more than 1 pod is unavailable", "Deployment has at most 1 unavailable replica"),
        lasting="",
    ),
    Form(
        rf"{WHOSE}(?:pods?|replicas?|containers?){OF} (?:{BECOME}|{MOVE}to ){RUNNING}(?:,? and|,) (?:then )?"
        rf"{STAY}(?:{RUNNING}|so|there|that way)",
        f"{ALL_RUN} && !restarted",
        ("Pod becomes Ready and stays Ready for 5 minutes", "Pods are Running and remain so"),
        must="stay",
    ),
    Form(
        rf"{WHOSE}(?:pods?|replicas?|containers?){OF} {BECOME}{RUNNING}",
        ALL_RUN,
        ("All pods are Running and Ready", "Pod becomes healthy"),
        lasting="!restarted",
    ),
    Form(
        rf"{WHOSE}(?:pods?|replicas?|containers?){OF} (?:{STAY}{RUNNING}|runs? stably|"
        rf"(?:{BECOME}{RUNNING}|runs?) (?:without|with no) (?:any )?(?:(?:container )?restarts?|restarting|crash"
        rf"(?:es|ing)))",
        f"{ALL_RUN} && !restarted",
        ("Pods stay Ready for 10 minutes", "The container remains running"),
        must="stay",
    ),
    Form(
        rf"{WHOSE}(?:pods?|containers?) pass(?:es)? (?:the |its |their |all )*"
        rf"(?:(?:(?:readiness|liveness|startup|and) )+)?{PROBES}",
        READY,
        ("Pod passes its readiness probe", "Containers pass their health checks"),
        lasting="!restarted",
    ),
    Form(
        rf"{WHOSE}(?:(?:(?:readiness|liveness|startup|and) )+{PROBES}|health ?checks?){OF} (?:is |are |returns? |"
        rf"reports? )?"
        r"(?:pass(?:es|ing|ed)?|succe(?:eds?|eding|eded)|success(?:ful)?|healthy|green|ok)(?: again)?",
        READY,
        ("Readiness probes pass", "Liveness and readiness probes pass", "Health checks pass"),
        lasting="!restarted",
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
        rf"{WHOSE}(?:pods?|containers?) (?:is |are )?(?:no longer|not|stops?)(?: stuck| waiting| in| being| shows?|"
        rf" reports?)* {NAMED_STATE}",
        f'{SOME} && !waiting("{{state}}")',
        ("Pod is no longer in ImagePullBackOff",),
        lasting="",
    ),
    Form(
        rf"(?:{NO}|none of the )(?:pods?|containers?|replicas?){OF}{IN}{NAMED_STATE}",
        f'{SOME} && !waiting("{{state}}")',
        ("No pods in CrashLoopBackOff", "No container is in ImagePullBackOff state"),
        lasting="",
    ),
    Form(
        rf"(?:{AT_LEAST} {COUNT}|(?P<or_more>\w+) or more) (?:pods?|replicas?)(?: of (?:the|its) \w+)?"
        rf" {BECOME}{RUNNING}|"
        rf"{WHOSE}(?:deployment|workload|statefulset|daemonset) (?:has|keeps|runs) {AT_LEAST} (?P<has>\w+) {WELL} "
        rf"(?:pods?|replicas?)|"
        rf"{_REPLICAS} (?:is|are) {AT_LEAST} (?P<number>\w+)",
        "pods.filter(p, p.running).size() >= {count}{or_more}{has}{number}",
        ("At least 2 replicas are available",),
        lasting="",
    ),
    Form(
        (
            rf"(?:{AT_LEAST} |more than )?(?P<percent>\d{{1,3}}) ?(?:%|percent) of (?:the |all )*(?:pods|replicas) "
            rf"{BECOME}{RUNNING}"
        ),
        f"{SOME} && pods.filter(p, p.running).size() * 100 >= {{percent}} * pods.size()",
        ("At least 80% of the pods are Ready",),
        lasting="",
    ),
    Form(
        (
            r"(?:(?:the|deployments?|workloads?|statefulset|daemonset) )*(?:rollout|deployment|roll-out)(?:"
            r" status)? (?:is |has |has been )?"
            r"(?:successfully )?(?:completes?|completed|finish(?:es|ed)?|succeeds?|succeeded|successful)"
            r"(?: successfully)?"
        ),
        ROLLED_OUT,
        ("Rollout completes", "The deployment rollout has completed successfully"),
    ),
    Form(
        (
            rf"(?:the )?(?:target |affected )*(?:deployment|workload|statefulset|daemonset)(?: status| condition)?"
            rf" {BECOME}(?:fully )*"
            r"(?:available ?(?:= ?|is )true|available|healthy|ready|up to date|up|running|stable)(?: again)?|"
            r"(?:the )?(?:deployment|workload|statefulset|daemonset) has minimum availability"
        ),
        ROLLED_OUT,
        ("The Deployment is available",),
        lasting="!restarted",
    ),
    Form(
        r"(?:the )?(?:deployment|workload|statefulset|daemonset|rollout) (?:(?:has|is|reports?|must be) )*(?:been"
        r" )?(?:successfully |fully |completely )*"
        r"rolled out(?: successfully)?|(?:the )?(?:rollout|roll-out) of (?:the|its) (?:deployment|workload|"
        r"statefulset|daemonset) "
        r"(?:is |has )?(?:complete[ds]?|finishe[ds]|succeeds?|succeeded|successful|done)|"
        r"(?:the )?(?:deployment |workload )?(?:rollout|roll-out)(?: status)? (?:is |reports? |shows? )"
        r"(?:complete|successful|success|done)|"
        r"(?:kubectl )rollout status(?: \S+)? (?:reports?|shows?|returns?|is) (?:success(?:ful)?|complete|done)",
        ROLLED_OUT,
        ("Deployment has successfully rolled out", "Rollout of the Deployment is complete"),
        lasting="!restarted",
    ),
    Form(
        rf"{_REPLICAS} {_MATCH} {_WANTED}|{_WANTED} {_MATCH} {_REPLICAS}|"
        rf"(?:the )?(?:deployment|workload|statefulset|daemonset) has all (?:its |desired |of its )*(?:pods|"
        rf"replicas) {WELL}|"
        r"(?:the )?(?:deployment|workload|statefulset|daemonset) has (?:all (?:its )?)?(?:desired )?(?:pods|"
        r"replicas) available|"
        rf"all (?:pods|replicas) (?:is|are) (?:updated|up to date)(?: and {WELL})?|"
        rf"(?P<part>\d+) of (?P=part) (?:pods|replicas) (?:is|are) {WELL}",
        ROLLED_OUT,
        ("Available replicas equal desired replicas", "All replicas are updated and available"),
        lasting="!restarted",
    ),
    Form(
        rf"{NO}(?!unavailable replicas)(?:unavailable|unready|unhealthy|not ready|failed|failing|non-running) "
        rf"(?:pods?|replicas?)(?: remain| left)?",
        f"{ALL_RUN}",
        ("No unavailable pods", "No failing pods remain"),
        lasting="",
        where="criterion",
    ),
    Form(
        r"(?P<at_least>at least|more than|over) (?:half|50 ?%)(?: of)? (?:the |its |all )*(?:pods|replicas) "
        rf"{BECOME}{RUNNING}",
        f"{SOME} && pods.filter(p, p.running).size() * 2 {{at_least}} pods.size()",
        ("More than half of the replicas are available",),
        lasting="",
    ),
    Form(
        rf"(?:{NO}|none of the )(?:pods?|replicas?)(?: (?:is|are|remains?|stays?|left|stuck|in))* "
        rf"(?P<phase>pending|failed|unknown)(?: phase| state)?|"
        rf"{WHOSE}(?:pods?|replicas?) (?:is|are) (?:no longer|not)(?: stuck| in)* (?P<past>pending|failed|unknown)"
        rf"(?: phase| state)?",
        f"{SOME} && pods.all(p, p.phase != '{{phase}}{{past}}')",
        ("No pods are stuck in Pending", "Pod is no longer Pending"),
        lasting="",
        where="criterion",
    ),
)
