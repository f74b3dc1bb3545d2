"""A small W&B server on loopback: the calls that the client makes, kept in memory and readable by tests.

It answers what ``wandb-core`` and ``wandb agent`` ask for: GraphQL queries by their operation, the file stream with
history, summary and exit code, and uploads of files. What it does not know gets an error, as from a real server.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

ENTITY = "team"
RUN_FIELDS = {
    "displayName": "name", "groupName": "group", "jobType": "job_type", "tags": "tags", "sweep": "sweep",
    "project": "project",
}  # fmt: skip
KEY = "0123456789" * 4


class WandbServer:
    """The server; use it as a context manager.

    Attributes:
        url: its address.
        runs: run id -> dict with name, group, job_type, config, history, summary, complete, exit_code, files.
        artifacts: every version, in order: dicts with type, collection, aliases, digest, metadata, files, run.
        uses: (run id, artifact id) of inputs.
        links: (portfolio, project, aliases, artifact id).
        alerts: dicts with run, title, text, severity.
        jobs: settings that the agent is to run, in order.
        calls: names of the operations, in order.
        delay: seconds before each answer.
        refused: names of operations to answer with an error.
    """

    def __init__(self):
        self.runs, self.artifacts, self.links, self.alerts = {}, [], [], []
        self.uses, self.uploads, self.calls, self.jobs, self.unknown = [], {}, [], [], []
        self.delay, self.sweep, self.refused = 0.0, "{}", set()
        self._lock = threading.RLock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                threading.Event().wait(server.delay)
                try:
                    with server._lock:
                        status, answer = server.answer(self.command, unquote(urlsplit(self.path).path), body)
                except Exception as error:  # as a real server
                    server.unknown.append(repr(error))
                    status, answer = 500, {"error": repr(error)}
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _answer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda request, address: None  # clients that hang up are no news
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        """Stops the server; connections are refused from now on."""
        self._http.shutdown()
        self._http.server_close()

    def answer(self, method, path, body):
        """Returns the status and the answer to a request."""
        if path == "/graphql":
            return self._graphql(json.loads(body))
        stream = re.fullmatch(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream", path)
        if stream:
            return 200, self._stream(self.runs[stream[3]], json.loads(body))
        if path.startswith("/upload/"):
            if method == "PUT":
                self.uploads[path.removeprefix("/upload/")] = body
            return 200, self.uploads.get(path.removeprefix("/upload/"), b"")
        self.unknown.append((method, path))
        return 404, {"error": "not found"}

    def _stream(self, run, body):
        for name, part in (body.get("files") or {}).items():
            rows = (
                [json.loads(line) for line in part["content"]] if name.endswith((".jsonl", ".json")) else []
            )
            if name == "wandb-history.jsonl":
                run["history"][part["offset"] :] = rows
            elif name == "wandb-summary.json" and rows:
                run["summary"] = rows[-1]
        if body.get("complete"):
            run["complete"], run["exit_code"] = True, body.get("exitcode")
        return {"exitcode": None, "limits": {}}

    def _graphql(self, body):
        query, variables = body["query"], body.get("variables") or {}
        match = re.search(r"(?:query|mutation)\s+(\w+)", query)
        name = body.get("operationName") or (match and match[1])
        self.calls.append(name)
        if name in self.refused:
            return 200, {"data": None, "errors": [{"message": "permission denied"}]}
        resolve = getattr(self, f"_do_{name}", None)
        if resolve is None:
            self.unknown.append((name, query))
            return 200, {"data": None, "errors": [{"message": f"unknown operation {name}"}]}
        return 200, {"data": resolve(variables)}

    # Runs

    def _do_Viewer(self, variables):
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        return {
            "viewer": {
                "id": "user",
                "entity": ENTITY,
                "username": "user",
                "email": "",
                "flags": "{}",
                "teams": teams,
            }
        }

    def _do_ProjectInternalId(self, variables):
        return {"project": {"id": "p", "internalId": "1"}}

    def _do_ServerFeaturesQuery(self, variables):
        return {"serverInfo": {"features": []}}

    def _do_RunResumeStatus(self, variables):
        run = self.runs.get(variables["name"])
        project = variables["project"]
        bucket = run and {
            "id": run["id"],
            "name": run["id"],
            "displayName": run["name"],
            "config": json.dumps({key: {"value": value} for key, value in run["config"].items()}),
            "summaryMetrics": json.dumps(run["summary"]),
            "logLineCount": 0,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "historyLineCount": len(run["history"]),
            "historyTail": json.dumps([json.dumps(r) for r in run["history"][-1:]]),
            "tags": run["tags"],
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),
        }
        return {
            "model": {
                "id": project,
                "name": project,
                "entity": {"id": ENTITY, "name": ENTITY},
                "bucket": bucket,
            }
        }

    def _do_UpsertBucket(self, variables):
        name, is_new = variables["name"] or variables["id"], variables["name"] not in self.runs
        new = {"id": name, "name": name, "config": {}, "history": [], "summary": {}, "tags": []}
        run = self.runs.setdefault(name, new | {"complete": False, "exit_code": None})
        for key, target in (
            ("displayName", "name"),
            ("groupName", "group"),
            ("jobType", "job_type"),
            ("tags", "tags"),
            ("sweep", "sweep"),
            ("project", "project"),
        ):
            if variables.get(key):
                run[target] = variables[key]
        if variables.get("config"):
            run["config"] = {key: node["value"] for key, node in json.loads(variables["config"]).items()}
        project = {"id": "p", "name": variables["project"], "entity": {"id": ENTITY, "name": ENTITY}}
        bucket = {
            "id": name,
            "name": name,
            "displayName": run["name"],
            "description": None,
            "config": None,
            "sweepName": run.get("sweep"),
            "project": project,
            "historyLineCount": len(run["history"]),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}

    def _do_CreateRunFiles(self, variables):
        files = [
            {"name": n, "uploadUrl": f"{self.url}/upload/{variables['run']}/{n}"} for n in variables["files"]
        ]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def _do_NotifyScriptableRunAlert(self, variables):
        self.alerts.append(
            {"run": variables["runName"], **{k: variables[k] for k in ("title", "text", "severity")}}
        )
        return {"notifyScriptableRunAlert": {"success": True}}

    # The agent

    def _do_SweepWithRuns(self, variables):
        return {
            "project": {
                "sweep": {"id": "s", "name": variables["sweep"], "config": self.sweep, "runs": {"edges": []}}
            }
        }

    def _do_CreateAgent(self, variables):
        return {"createAgent": {"agent": {"id": "agent"}}}

    def _do_Heartbeat(self, variables):
        busy = any(json.loads(variables["runState"]).values())  # run id -> whether its process runs
        if busy:
            commands = []
        elif self.jobs:
            run_id, settings = self.jobs.pop(0)
            args = {name: {"value": value} for name, value in settings.items()}
            commands = [{"type": "run", "run_id": run_id, "program": "run.py", "args": args}]
        else:
            commands = [{"type": "exit"}]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    # Artifacts

    def _do_ArtifactType(self, variables):
        version = self._version(variables["name"])
        return {"project": {"artifact": version and {"artifactType": {"name": version["type"]}}}}

    def _do_CreateArtifact(self, variables):
        given = variables["input"]
        collection = (given.get("artifactCollectionNames") or [given.get("artifactCollectionName")])[0]
        same = [v for v in self.artifacts if (v["collection"], v["digest"]) == (collection, given["digest"])]
        aliases = [alias["alias"] for alias in given.get("aliases") or []]
        if same:
            version = same[0]
        else:
            index = sum(v["collection"] == collection for v in self.artifacts)
            version = {
                "id": f"artifact-{len(self.artifacts)}",
                "collection": collection,
                "digest": given["digest"],
                "version": index,
                "type": given["artifactTypeName"],
                "aliases": [],
                "run": given.get("runName"),
                "files": {},
                "state": "PENDING",
                "metadata": json.loads(given.get("metadata") or "{}"),
                "client_id": given.get("clientID"),
            }
            self.artifacts.append(version)
        for other in self.artifacts:
            if other["collection"] == collection:
                other["aliases"] = [alias for alias in other["aliases"] if alias not in aliases]
        version["aliases"] += aliases
        sequence = {"latestArtifact": {"id": version["id"]} if same else None}
        artifact = {"id": version["id"], "state": version["state"], "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def _version(self, name):
        """The version that ``COLLECTION:ALIAS`` or ``COLLECTION:vN`` names; None without it."""
        collection, _, alias = name.partition(":")
        for version in reversed(self.artifacts):
            labels = (*version["aliases"], f"v{version['version']}")
            if version["collection"] == collection and (alias or "latest") in labels:
                return version
        return None

    def _do_CreateArtifactManifest(self, variables):
        return {"createArtifactManifest": {"artifactManifest": self._manifest(variables["artifactID"])}}

    def _do_UpdateArtifactManifest(self, variables):
        return {
            "updateArtifactManifest": {"artifactManifest": self._manifest(variables["artifactManifestID"])}
        }

    def _manifest(self, artifact_id):
        url = f"{self.url}/upload/manifest/{artifact_id}"
        return {"id": artifact_id, "file": {"id": "file", "uploadUrl": url, "uploadHeaders": []}}

    def _do_CreateArtifactFiles(self, variables):
        edges = []
        for file in variables["input"]["artifactFiles"]:
            path = f"{file['artifactID']}/{file['name']}"
            node = {
                "storagePath": path,
                "uploadUrl": f"{self.url}/upload/{path}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": file["artifactID"]},
            }
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _do_CommitArtifact(self, variables):
        version = self._by_id(variables["artifactID"])
        manifest = json.loads(self.uploads[f"manifest/{version['id']}"])
        version["files"] = {
            name: entry.get("ref") or self.uploads.get(f"{version['id']}/{name}")
            for name, entry in manifest["contents"].items()
        }
        version["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": version["id"], "digest": version["digest"]}}}

    def _do_UseArtifact(self, variables):
        given = variables["input"]
        self.uses.append((given["runName"], given["artifactID"]))
        return {"useArtifact": {"artifact": {"id": given["artifactID"]}}}

    def _do_ClientIDMapping(self, variables):
        ids = [v["id"] for v in self.artifacts if v["client_id"] == variables["clientID"]]
        return {"clientIDMapping": {"serverID": ids[0]} if ids else None}

    def _do_ArtifactByID(self, variables):
        return {"artifact": self._describe(self._by_id(variables["id"]))}

    def _do_ArtifactMembershipByName(self, variables):
        project, name = variables["project"], variables["name"]
        version = self._linked(project, name) if project.startswith("wandb-registry") else self._version(name)
        collection = name.partition(":")[0]
        return {
            "project": {
                "artifactCollectionMembership": version and self._membership(version, collection, project)
            }
        }

    def _linked(self, project, name):
        """The version that is linked to a registry under ``COLLECTION:ALIAS``, with its aliases there."""
        collection, _, alias = name.partition(":")
        for portfolio, linked, aliases, version in self.links:
            if (portfolio, linked) == (project, collection) and alias in aliases:
                return self._by_id(version) | {"aliases": aliases}
        return None

    def _do_DeleteAliases(self, variables):
        given = variables["input"]
        for entry in given["aliases"]:
            collection = entry["artifactCollectionName"]
            lists = [v["aliases"] for v in self.artifacts if v["collection"] == collection]
            if entry["projectName"].startswith("wandb-registry"):
                lists = [link[2] for link in self.links if link[:2] == (entry["projectName"], collection)]
            for aliases in lists:
                aliases[:] = [alias for alias in aliases if alias != entry["alias"]]
        return {"result": {"success": True}}

    def _do_UpdateArtifact(self, variables):
        return {"result": {"artifact": self._describe(self._by_id(variables["input"]["artifactID"]))}}

    def _do_IsProjectReadOnly(self, variables):
        return {"project": {"readOnly": False}}

    def _do_FetchOrgInfoFromEntity(self, variables):
        return {
            "entity": {"organization": {"name": "org", "orgEntity": {"name": "org-entity"}}, "user": None}
        }

    def _do_FetchOrgEntityFromEntity(self, variables):
        return self._do_FetchOrgInfoFromEntity(variables)

    def _do_GetDefaultEntity(self, variables):
        return {"viewer": {"id": "user", "entity": ENTITY}}

    def _do_LinkArtifact(self, variables):
        given = variables["input"]
        version = self._by_id(given["artifactID"])
        aliases = [alias["alias"] for alias in given.get("aliases") or []]
        self.links.append((given["projectName"], given["artifactPortfolioName"], aliases, version["id"]))
        membership = self._membership(version, given["artifactPortfolioName"], given["projectName"])
        return {"result": {"versionIndex": 0, "artifactMembership": membership}}

    def _by_id(self, artifact_id):
        return next(version for version in self.artifacts if version["id"] == artifact_id)

    def _membership(self, version, collection, project="tsforecast"):
        kind = "ArtifactPortfolio" if project.startswith("wandb-registry") else "ArtifactSequence"
        return {
            "__typename": "ArtifactCollectionMembership",
            "id": f"member-{version['id']}",
            "versionIndex": version["version"],
            "createdAt": "2026-01-01T00:00:00Z",
            "aliases": _aliases(version),
            "artifactCollection": _collection(kind, collection, project),
            "artifact": self._describe(version),
        }

    def _describe(self, version):
        source = _collection("ArtifactSequence", version["collection"], "tsforecast")
        return {
            "__typename": "Artifact",
            "id": version["id"],
            "artifactSequence": source,
            "versionIndex": version["version"],
            "artifactType": {"name": version["type"]},
            "description": None,
            "metadata": json.dumps(version["metadata"]),
            "ttlDurationSeconds": -2,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": version["state"],
            "size": 1,
            "digest": version["digest"],
            "digestAlgorithm": "MANIFEST_MD5",
            "commitHash": "0",
            "fileCount": 1,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [{**alias, "artifactCollection": source} for alias in _aliases(version)],
        }


def _aliases(version):
    return [{"__typename": "ArtifactAlias", "id": alias, "alias": alias} for alias in version["aliases"]]


def _collection(kind, name, project):
    owner = {"id": project, "internalId": "1", "name": project, "entity": {"name": ENTITY}}
    return {"__typename": kind, "name": name, "project": owner}
