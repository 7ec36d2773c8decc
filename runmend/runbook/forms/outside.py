"""What others than Kubernetes tell: a query's value, what an address returns, whether the alert fires."""

from typing import Final

from runmend.runbook.forms.words import Form

_WHAT = r"[a-z0-9][a-z0-9 ,()/%-]{0,80}?"
_SIGNS = (
    r"at least|at most|no more than|more than|above|over|greater than|higher than|fewer than|less than|below|under|"
    r"beneath|lower than|exactly"
)
_NEVER = r"(?:does not|do not|doesnt|never|must not|should not) (?:exceeds?|(?:go|goes|rises?) (?:above|over))"
_STAYS = (
    r"(?:(?:stays?|remains?|keeps?|continues? to be|(?:is|are) kept|holds?|has (?:stayed|remained))"
    r"(?: (?:well|always|consistently|back))? )?"
)
_KEEPS = rf"{_WHAT} {_STAYS}(?P<sign>{_SIGNS}|{_NEVER})"
_COMES = (
    rf"{_WHAT} (?:is|are|becomes?|must be|should be|drops?|falls?|goes|comes?|returns?|recovers?|rises?|climbs?|"
    r"has (?:dropped|fallen|recovered|returned))(?: well| back| again| to)* "
    rf"(?P<sign>{_SIGNS})"
)
_SHARE = r" (?P<share>\d{1,3}(?:\.\d{1,6})?) ?(?:%|percent)"
_LEVEL = r" (?P<level>\d{1,12}(?:\.\d{1,9})?(?: ?(?:ms|milliseconds?|s|secs?|seconds?))?)"
# A query that gives percents would be above any share: what is more than all of it shows that.
_OF_SHARE = "prometheus({query}) {sign} {share} && prometheus({query}) <= 1.0"
_OF_LEVEL = "prometheus({query}) {sign} {level}"
_ERRORS = "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))"
_SLOWEST = "histogram_quantile(0.99, sum by (le) (rate(request_seconds_bucket[5m])))"
_RETURNS = (
    r"(?:(?:the|its|a|an) )?(?:(?:health|readiness|liveness|status) )?(?:(?:endpoint|url|address|page|check) )?(?:at )?"
    r"(?P<url>https?://\S+) (?:(?:keeps|must|should) )?(?:returns?|returning|answers?|answering|responds?|responding)"
    r"(?: with)?(?: (?:an?|the|http|status|code))* (?P<http_status>[1-5]\d\d)(?: ok)?(?: again)?"
)
_ALERT = r"(?:(?:the|this|its|original|triggering) )*alert"

FORMS: Final = (
    Form(
        f"{_COMES}{_SHARE}",
        _OF_SHARE,
        ("Error rate is below 1%", "Success rate recovers to at least 99.5%"),
        lasting="",
        where="criterion",
        query=_ERRORS,
    ),
    Form(
        f"{_COMES}{_LEVEL}",
        _OF_LEVEL,
        ("Consumer lag drops below 1000", "Latency is under 500ms"),
        lasting="",
        where="criterion",
        query=_SLOWEST,
    ),
    Form(
        f"{_KEEPS}{_SHARE}",
        _OF_SHARE,
        ("Error rate stays below 1% for 10 minutes", "Error rate does not exceed 0.5% for 5 minutes"),
        must="stay",
        where="criterion",
        query=_ERRORS,
    ),
    Form(
        f"{_KEEPS}{_LEVEL}",
        _OF_LEVEL,
        ("The slowest requests stay below 2 seconds for 5 minutes",),
        must="stay",
        where="criterion",
        query=_SLOWEST,
    ),
    Form(
        _RETURNS,
        "http({url}).status == {http_status}",
        (
            "`https://shop.example.com/health` returns 200",
            "Health endpoint `http://web.shop.svc/ready` answers with 204",
        ),
        lasting="",
    ),
    Form(
        rf"{_ALERT} (?:no longer fires|is no longer (?:firing|active)|(?:is|has|has been) (?:resolved|cleared)|"
        r"(?:stops|has stopped) firing|(?:does not|must not|should not) (?:fire|re-?fire)(?: again| any ?more)?|"
        r"clears|resolves|is not firing(?: any ?more)?)",
        "!alert_fires",
        ("The alert no longer fires", "Alert is resolved"),
        lasting="",
    ),
    Form(
        rf"{_ALERT} (?:fires|is (?:still )?firing|still fires|is (?:still )?active)",
        "alert_fires",
        ("The alert is still firing",),
        where="condition",
        trouble=True,
    ),
)
