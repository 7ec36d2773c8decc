"""What is used of memory and processor, against a limit, a request or an amount: the metrics API tells it."""

from typing import Final

from runmend.runbook.forms.words import NODE, SOME, WHOSE, Form

_MEMORY = r"(?P<resource>memory|mem|ram)"
_CPU = r"(?P<resource>cpu|processor)"
_EITHER = r"(?P<resource>memory|mem|ram|cpu|processor)"
_USAGE = r"(?: (?:usage|use|consumption|utili[sz]ation|working set|load))?"
_OF = (
    r"(?: of (?:(?:the|all|each|every|its|affected) )*(?:containers?|pods?|deployment|workload|statefulset|"
    r"daemonset|replicas?))?"
)
_OWN = rf"{WHOSE}(?:(?:containers?|pods?) )*"
_OF_NODE = (
    r"(?=.*\bnodes?\b)(?:(?:the|affected|target|its|nodes?) )*"
    rf"{_EITHER}{_USAGE}(?: (?:of|on) {NODE})?"
)
_UNDER = r"below|under|beneath|less than|lower than|within|at most|no more than"
_STAYS = (
    r"(?:(?:stays?|remains?|keeps?|stabili[sz]es?|(?:is|are) kept|holds?)(?: (?:well|safely|always|consistently|"
    r"back))? )?"
)
_NEVER = r"(?:does not|do not|doesnt|never|must not|should not) (?:exceeds?|(?:go|goes|rises?|climbs?) (?:above|over))"
_KEEPS = rf"{_STAYS}(?P<sign>{_UNDER}|{_NEVER})"
_COMES = (
    r"(?:is|are|becomes?|must be|should be|has (?:dropped|fallen)|"
    r"drops?|falls?|goes|comes?|returns?|recovers?|settles?)"
    rf"(?: well| safely| back| again| to)* (?P<sign>{_UNDER})"
)
_EXCEEDS = (
    r"(?:(?:is|are|stays?|remains?|goes|rises?|has been)(?: currently| still)? )?"
    r"(?P<sign>above|over|more than|exceeds?|higher than|greater than|at least)"
)
_BOUND = (
    r" (?:(?P<percent>\d{1,3}) ?(?:%|percent) (?:of )?)?"
    r"(?:(?:the|its|their|memory|cpu|container|containers|pod|pods|configured|resource) )*(?P<bound>limit|request)s?"
)
_OF_ALLOCATABLE = (
    r" (?P<percent>\d{1,3}) ?(?:%|percent)"
    r"(?: of (?:(?:the|its|nodes?|allocatable|total) )*(?:allocatable|capacity|memory|cpu))?"
)
_BYTES = r" (?P<bytes>\d[\d.]* ?[kmgt](?:i?b|i)?)"
_MILLICORES = r" (?P<millicores>\d[\d.]*(?: ?(?:m|millicores|cores?|cpus?))?)"
_EACH = f"{SOME} && pods.all(p, p.containers.all(c, c.must_end || %s))"
_ANY = "pods.exists(p, p.containers.exists(c, %s))"
_OF_BOUND = "c.usage.{resource} * 100 {sign} {percent} * c.{bound}.{resource}"
_OF_MEMORY = "c.usage.{resource} {sign} {bytes}"
_OF_CPU = "c.usage.{resource} {sign} {millicores}"
_OF_THE_NODE = "node.usage.{resource} * 100 {sign} {percent} * node.allocatable.{resource}"

FORMS: Final = (
    Form(
        rf"{WHOSE}(?:containers?|pods?) {_STAYS}(?P<sign>{_UNDER})(?: (?P<percent>\d{{1,3}}) ?(?:%|percent) of)?"
        r" (?:(?:the|its|their|configured) )*(?P<resource>memory|cpu) (?P<bound>limit|request)s?",
        _EACH % _OF_BOUND,
        ("Container stays below its memory limit for 10 minutes", "Containers remain under 80% of their memory limits"),
        must="stay",
    ),
    Form(
        f"{_OWN}{_EITHER}{_USAGE}{_OF} {_KEEPS}{_BOUND}",
        _EACH % _OF_BOUND,
        (
            "Memory usage stays below the limit",
            "Memory usage stays below 80% of its limit for 10 minutes",
            "CPU usage does not exceed the request",
        ),
        must="stay",
    ),
    Form(
        f"{_OWN}{_EITHER}{_USAGE}{_OF} {_COMES}{_BOUND}",
        _EACH % _OF_BOUND,
        ("Memory usage is below 90% of the limit", "CPU usage drops below its limit"),
        lasting="",
    ),
    Form(
        f"{_OWN}{_MEMORY}{_USAGE}{_OF} {_KEEPS}{_BYTES}",
        _EACH % _OF_MEMORY,
        ("Memory usage remains under 400Mi for 15 minutes", "Container memory usage never exceeds 1 GiB"),
        must="stay",
    ),
    Form(
        f"{_OWN}{_MEMORY}{_USAGE}{_OF} {_COMES}{_BYTES}",
        _EACH % _OF_MEMORY,
        ("Memory usage is below 1Gi",),
        lasting="",
    ),
    Form(
        f"{_OWN}{_CPU}{_USAGE}{_OF} {_KEEPS}{_MILLICORES}",
        _EACH % _OF_CPU,
        ("CPU usage stays below 500m",),
        must="stay",
    ),
    Form(
        f"{_OWN}{_CPU}{_USAGE}{_OF} {_COMES}{_MILLICORES}",
        _EACH % _OF_CPU,
        ("CPU usage falls below 2 cores",),
        lasting="",
    ),
    Form(
        f"{_OF_NODE} {_KEEPS}{_OF_ALLOCATABLE}",
        _OF_THE_NODE,
        ("Node memory usage stays below 80%", "CPU usage of the node stays under 90% for 10 minutes"),
        must="stay",
    ),
    Form(
        f"{_OF_NODE} {_COMES}{_OF_ALLOCATABLE}",
        _OF_THE_NODE,
        ("Node memory usage is below 80% of its capacity",),
        lasting="",
    ),
    Form(
        f"{_OWN}{_EITHER}{_USAGE}{_OF} {_EXCEEDS}{_BOUND.replace('limit|request', 'limit')}",
        _ANY % _OF_BOUND,
        ("Memory usage is above 90% of the limit",),
        where="condition",
        trouble=True,
    ),
    # A container that is well may use more than it asks for.
    Form(
        f"{_OWN}{_EITHER}{_USAGE}{_OF} {_EXCEEDS}{_BOUND.replace('limit|request', 'request')}",
        _ANY % _OF_BOUND,
        ("CPU usage exceeds its request",),
        where="condition",
    ),
    Form(
        f"{_OWN}{_MEMORY}{_USAGE}{_OF} {_EXCEEDS}{_BYTES}",
        _ANY % _OF_MEMORY,
        ("Memory usage is above 400Mi",),
        where="condition",
        trouble=True,
    ),
    Form(
        f"{_OWN}{_CPU}{_USAGE}{_OF} {_EXCEEDS}{_MILLICORES}",
        _ANY % _OF_CPU,
        ("CPU usage is over 1500m",),
        where="condition",
        trouble=True,
    ),
    Form(
        f"{_OF_NODE} {_EXCEEDS}{_OF_ALLOCATABLE}",
        _OF_THE_NODE,
        ("Node memory usage is above 90%",),
        where="condition",
        trouble=True,
    ),
)
