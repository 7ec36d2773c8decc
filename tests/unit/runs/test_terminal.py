"""What is shown of a run on a terminal."""

from runmend.runs.terminal import link


def test_a_link_leads_to_the_tab_that_tells_the_story() -> None:
    assert (
        link("http://ui.example/", "team a", "default/shop/Deployment/web", "01a2-b3")
        == "http://ui.example/namespaces/team%20a/workflows/default%2Fshop%2FDeployment%2Fweb/01a2-b3/user-metadata"
    )
