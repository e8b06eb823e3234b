"""Two contract servers: the parts of Salesforce's and HubSpot's REST APIs that the hub uses, written from what both publish.

They are not those systems: they hold to the published shapes (paging, cursors, tokens that end, refusals, limits), and are as
strict where that matters. Nothing here was compared with a live account.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Reply = tuple[int, dict[str, str], Any]


@dataclass
class Contract:
    """What a service holds; tokens that it gave, and which are good."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    grants: list[dict[str, str]] = field(default_factory=list)
    busy: int = 0  # answers of 429 that come first
    clock: int = 0
    paged: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # method and path of every request
    locked: set[str] = field(default_factory=set)  # records that somebody else is writing

    def token(self, form: dict[str, str]) -> Reply:
        self.grants.append(form)
        if form.get("client_id") != "hub" or form.get("client_secret") != "s3cret":
            return 400, {}, {"error": "invalid_client", "error_description": "client identifier invalid"}
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") != "r3fresh":
            return 400, {}, {"error": "invalid_grant"}
        self.tokens.append(f"token{len(self.tokens)}")
        self.good = {self.tokens[-1]}
        return 200, {}, {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 1800}

    def stamp(self) -> str:
        """A time later than every one before."""
        self.clock += 1
        return f"2026-03-01T10:{self.clock // 60:02d}:{self.clock % 60:02d}.000+0000"


class Salesforce(Contract):
    """Contacts: SOQL with WHERE SystemModstamp, nextRecordsUrl, sobject rows; errors are lists with an errorCode."""

    size = 2  # rows of a page; Salesforce's own is 2000

    def put(self, id: str, **fields: Any) -> None:
        self.rows[id] = {**self.rows.get(id, {"Id": id, "IsDeleted": False}), **fields, "SystemModstamp": self.stamp()}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        if path == "/services/data/v61.0/queryAll":
            found = re.search(r"WHERE SystemModstamp >= (\S+) ORDER BY SystemModstamp$", query["q"])
            if found is None:
                return 400, {}, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}]
            later = sorted((r["SystemModstamp"], i) for i, r in self.rows.items() if r["SystemModstamp"] >= found[1])
            return self._page([i for _, i in later])
        if path == "/services/data/v61.0/query":
            asked = re.fullmatch(r"SELECT [\w, ]+ FROM Contact WHERE Email = '((?:[^'\\]|\\.)*)'", query["q"])
            if asked is None:
                return 400, {}, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}]
            email = re.sub(r"\\(.)", r"\1", asked[1])
            return self._page([i for i, r in self.rows.items() if r["Email"] == email and not r["IsDeleted"]])
        if path.startswith("/services/data/v61.0/composite/sobjects"):
            return self._collection(method, path.removeprefix("/services/data/v61.0/composite/sobjects"), body)
        if path == "/services/data/v61.0/sobjects/Contact" and method == "POST":
            if "LastName" not in body:
                return 400, {}, [{"errorCode": "REQUIRED_FIELD_MISSING", "fields": ["LastName"]}]
            id = f"003new{len(self.rows)}"
            self.put(id, **{"FirstName": None, "Email": None, "Phone": None, **body})
            return 201, {}, {"id": id, "success": True, "errors": []}
        if path.startswith("/services/data/v61.0/query/"):
            return self._page(self.paged[path.rpartition("/")[2]])
        id = path.rpartition("/")[2]
        row = self.rows.get(id)
        if row is None or row["IsDeleted"]:
            return 404, {}, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        if method == "PATCH":
            if unknown := set(body) - {"Email", "Phone", "FirstName", "LastName"}:
                return 400, {}, [{"errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "fields": sorted(unknown)}]
            self.put(id, **body)
            return 204, {}, None
        if method == "DELETE":
            self.put(id, IsDeleted=True)
            return 204, {}, None
        return 200, {}, self._shown(row)

    def _collection(self, method: str, rest: str, body: Any) -> Reply:
        """sObject Collections: a list of results in the order of the rows, 200 whatever became of them."""
        if (method, rest) == ("POST", "/Contact"):
            found = [self.rows.get(i) for i in body["ids"]]
            return 200, {}, [{f: r.get(f) for f in body["fields"]} if r and not r["IsDeleted"] else None for r in found]
        if method != "PATCH" or body.get("allOrNone") is not False or len(body["records"]) > 200:
            return 400, {}, [{"errorCode": "INVALID_INPUT", "message": "allOrNone: false, and at most 200 records"}]
        if any(r.pop("attributes", {}).get("type") != "Contact" for r in body["records"]):
            return 400, {}, [{"errorCode": "INVALID_TYPE", "message": "each record names its type"}]
        external = rest.removeprefix("/Contact/") if rest else ""
        return 200, {}, [self._one(row, external) for row in body["records"]]

    def _one(self, row: dict[str, Any], external: str) -> dict[str, Any]:
        def refused(code: str, *fields: str) -> dict[str, Any]:
            return {"success": False, "errors": [{"statusCode": code, "message": "no", "fields": list(fields)}]}

        made = None
        if external:
            same = (i for i, r in self.rows.items() if r.get(external) == row[external] and not r["IsDeleted"])
            id = next(same, None)
            if id is None and "LastName" not in row:
                return refused("REQUIRED_FIELD_MISSING", "LastName")
            made, id = id is None, id or f"003new{len(self.rows)}"
        else:
            id = row.pop("id")
        if not made and (id not in self.rows or self.rows[id]["IsDeleted"]):
            return refused("ENTITY_IS_DELETED")
        if id in self.locked:
            return refused("UNABLE_TO_LOCK_ROW")
        if unknown := set(row) - {"Email", "Phone", "FirstName", "LastName", external}:
            return refused("INVALID_FIELD", *unknown)
        if str(row.get("Email") or "@").count("@") != 1:
            return refused("INVALID_EMAIL_ADDRESS", "Email")
        self.put(id, **row)
        return {"id": id, "success": True, "errors": [], **({} if made is None else {"created": made})}

    def _page(self, ids: list[str]) -> Reply:
        now, rest = ids[: self.size], ids[self.size :]
        told: dict[str, Any] = {"totalSize": len(ids), "done": not rest}
        if rest:
            name = f"01g{len(self.paged)}-{self.size}"
            self.paged[name] = rest
            told["nextRecordsUrl"] = f"/services/data/v61.0/query/{name}"
        return 200, {}, {**told, "records": [self._shown(self.rows[i]) for i in now]}

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"attributes": {"type": "Contact", "url": f"/services/data/v61.0/sobjects/Contact/{row['Id']}"}, **row}


READ_ONLY = {"createdate", "hs_object_id", "lastmodifieddate"}


class HubSpot(Contract):
    """Contacts: `after` cursors, properties, a conflict for an e-mail that is taken, 429 with its policy."""

    def put(self, id: str, **properties: str) -> None:
        known = self.rows.get(id, {"id": id, "archived": False, "properties": {"hs_object_id": id}})
        at = self.stamp().replace("+0000", "Z")
        own = {**known["properties"], **properties, "lastmodifieddate": at}
        self.rows[id] = {**known, "properties": own, "updatedAt": at}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        if self.busy:
            self.busy -= 1
            told = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
            return 429, {"Retry-After": "0"}, told
        base = "/crm/v3/objects/contacts"
        if path.startswith(f"{base}/batch/"):
            return self._batch(path.rpartition("/")[2], body["inputs"])
        if path == base and method == "GET":
            ids = sorted(i for i, r in self.rows.items() if not r["archived"] and i > query.get("after", ""))
            size = min(int(query.get("limit", 10)), 100)
            more = {"paging": {"next": {"after": ids[size - 1], "link": "x"}}} if len(ids) > size else {}
            return 200, {}, {"results": [self.rows[i] for i in ids[:size]], **more}
        if path == base and method == "POST":
            email = body["properties"].get("email")
            if (there := self._by_email(email)) is not None:
                return 409, {}, {"status": "error", "message": f"Contact already exists. Existing ID: {there}"}
            self.put(str(900 + len(self.rows)), **body["properties"])
            return 201, {}, self.rows[str(900 + len(self.rows) - 1)]
        name = unquote(path.rpartition("/")[2])
        id = self._by_email(name) if query.get("idProperty") == "email" else name
        row = self.rows.get(id or "")
        if row is None or row["archived"]:
            return 404, {}, {"status": "error", "category": "OBJECT_NOT_FOUND"}
        if method == "PATCH":
            if wrong := set(body["properties"]) & READ_ONLY or set(body) - {"properties"}:
                return 400, {}, {"status": "error", "category": "VALIDATION_ERROR", "message": f"READ_ONLY {wrong}"}
            self.put(row["id"], **body["properties"])
        elif method == "DELETE":
            row["archived"] = True
            return 204, {}, None
        return 200, {}, self.rows[row["id"]]

    def _batch(self, what: str, inputs: list[dict[str, Any]]) -> Reply:
        """batch/read, update, upsert: results in no promised order; 207 with errors apart, where some were refused."""
        if len(inputs) > 100 or any(set(i.get("properties", {})) & READ_ONLY for i in inputs):
            return 400, {}, {"status": "error", "category": "VALIDATION_ERROR"}
        found, errors = [], []
        for given in inputs:
            id, properties = given["id"], given.get("properties", {})
            if what == "upsert":
                of = given["idProperty"]
                same = (i for i, r in self.rows.items() if r["properties"].get(of) == id and not r["archived"])
                id, properties = next(same, str(900 + len(self.rows))), {**properties, of: id}
            row = self.rows.get(id)
            category = (
                "OBJECT_NOT_FOUND" if what != "upsert" and (row is None or row["archived"])
                else "CONFLICT" if self._by_email(properties.get("email", "")) not in (None, id)
                else ""
            )  # fmt: skip
            if category:
                errors.append({"status": "error", "category": category, "context": {"ids": [given["id"]]}})
                continue
            if what != "read":
                self.put(id, **properties)
            found.append(self.rows[id])
        told = {"status": "COMPLETE", "results": found[::-1]}
        return (207, {}, {**told, "numErrors": len(errors), "errors": errors}) if errors else (200, {}, told)

    def _by_email(self, email: str | None) -> str | None:
        live = (i for i, r in self.rows.items() if not r["archived"] and r["properties"].get("email") == email)
        return next(live, None)


class Serving:
    """A contract on a free port."""

    def __init__(self, contract: Salesforce | HubSpot) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Of", (_Handler,), {"contract": contract}))
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    contract: Salesforce | HubSpot
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _all(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        url = urlsplit(self.path)
        if url.path.endswith("/token"):
            self._answer(*self.contract.token({n: v[0] for n, v in parse_qs(sent).items()}))
            return
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.contract.good:
            self._answer(401, {}, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])
            return
        self.contract.asked.append(f"{self.command} {url.path}")
        query = {n: v[0] for n, v in parse_qs(url.query).items()}
        self._answer(*self.contract.answer(self.command, url.path, query, json.loads(sent) if sent else None))

    do_GET = do_POST = do_PATCH = do_DELETE = _all

    def _answer(self, status: int, headers: dict[str, str], told: Any) -> None:
        body = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
