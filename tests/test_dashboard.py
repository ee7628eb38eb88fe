"""The dashboard by code: wandb-workspaces' own model reads it, a service takes it, and what stops it is said in a line.

Whether its panels name what is really told to W&B is a test of test_tracking.py, beside the runs.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from wandb_workspaces.workspaces import Workspace
from wandb_workspaces.workspaces.internal import View

from datatuner.commands import report
from datatuner.dashboard import dashboard, to_json
from tests.test_tracking import KEY, environment


def view_of(text: str) -> View:
    view: View = View.model_validate_json(text)
    return view


def dump(view: View) -> Any:
    return view.model_dump(by_alias=True, exclude_none=True)


@pytest.mark.parametrize("group", ["viggo", "2026-01-31_12-00-00-123456", "lr=0.1", """it's "a" \\ sweep""", "🎉"])
def test_the_packages_own_model_reads_it_and_gives_it_back(group):
    text = to_json(dashboard(group, project="p", entity="e"))
    view = view_of(text)
    assert dump(view) == json.loads(text)
    assert dump(Workspace._from_model(view)._to_model()) == json.loads(text)
    runs = view.spec.section.run_sets[0]
    (only,) = runs.filters["filters"]
    assert (only["key"], only["op"], only["value"]) == ({"section": "run", "name": "group"}, "=", group)


def test_it_holds_bars_curves_texts_confusion_and_categories():
    view = view_of(to_json(dashboard("g", project="p", entity=None)))
    sections = {s.name: [p.view_type for p in s.panels] for s in view.spec.section.panel_bank_config.sections}
    assert sections == {
        "Ablation": ["Bar Chart"] * 10,
        "Curves": ["Run History Line Plot"] * 3,
        "Texts: the n-best lists": ["Weave"],
        "Classifier": ["Vega2"],
        "By category": ["Vega2"] * 2,
    }


def test_the_command_prints_it(datatuner):
    typed = datatuner("report", "--wandb", "g", "--project", "p", "--entity", "e", env=environment(WANDB_PROJECT="x"))
    ran = datatuner("report", "--wandb", "g", env=environment(WANDB_PROJECT="p", WANDB_ENTITY="e"))
    for each in (typed, ran):
        assert (each.returncode, each.stderr) == (0, "")
        view = view_of(each.stdout)
        assert (view.entity, view.project, view.display_name) == ("e", "p", "datatuner g")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "name folders, or --wandb GROUP"),
        (["runs", "--wandb", "g"], "name folders, or --wandb GROUP"),
        (["runs", "--upload"], "go with --wandb GROUP"),
    ],
)
def test_what_does_not_go_together_is_refused(monkeypatch, capsys, typed, said):
    monkeypatch.setattr(sys, "argv", ["report", *typed])
    with pytest.raises(SystemExit, match="2"):
        report.main()
    assert said in capsys.readouterr().err


def test_without_the_package_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["report", "--wandb", "g"])
    with pytest.raises(SystemExit, match="2"):
        report.main()
    said = capsys.readouterr().err
    assert "pip install 'datatuner[dashboards]'" in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_without_an_account_a_line_says_what_to_set(datatuner, tmp_path):
    ran = datatuner("report", "--wandb", "g", "--upload", env=environment(HOME=str(tmp_path)))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Set WANDB_API_KEY (or `wandb login`)" in ran.stderr
    assert ran.stderr.count("\n") == 1


@contextmanager
def service(asked: list[dict[str, Any]]) -> Iterator[str]:
    """An address that answers as W&B does to somebody who saves a view; `asked` gets the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/graphql":
                self.send_error(404)
                return
            asked.append(json.loads(content))
            saved = {"upsertView": {"view": {"id": "1", "name": "nw-abc-v"}, "inserted": True}}
            viewer = {"id": "1", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": {"edges": []}}
            data = saved if "upsertView" in asked[-1]["query"] else {"viewer": viewer}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": data}).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_an_upload_is_one_view_of_the_accounts_own_entity(datatuner):
    asked: list[dict[str, Any]] = []
    with service(asked) as url:
        env = environment(WANDB_BASE_URL=url, WANDB_API_KEY=KEY)
        ran = datatuner("report", "--wandb", "g", "--project", "p", "--upload", env=env)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{url}/me/p?nw=abc\n", "")
    (sent,) = [each["variables"] for each in asked if "upsertView" in each["query"]]
    assert (sent["entityName"], sent["projectName"], sent["displayName"]) == ("me", "p", "datatuner g")
    assert "panelBankConfig" in json.loads(sent["spec"])["section"]
