"""The batches of a made-up server: files of requests that are worked on when they are asked for."""

from __future__ import annotations

import json


class Batches:
    """The batches of a server.

    Attributes
    ----------
    faults
        What goes wrong with a batch, by the number in which they are begun: ``refused`` (not yet),
        ``lost`` (it begins and nobody is told), ``invalid``, ``full``, ``expired`` and
        ``cancelled`` (after half of it), ``gone`` (with its results).
    looks
        How often it must be asked for before it is done.
    """

    def __init__(self):
        self.faults, self.looks = {}, 2
        self.files, self.begun, self.asked = {}, {}, 0
        self.page_length = 3

    def fault(self):
        """Return what goes wrong with the next batch."""
        self.asked += 1
        return self.faults.get(self.asked - 1)

    def upload(self, content):
        """Keep a file."""
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def begin(self, order, fault):
        """Begin a batch."""
        identity = f"batch-{len(self.begun)}"
        status = "failed" if fault in ("invalid", "full") else "validating"
        code = {"full": "token_limit_exceeded"}.get(fault, "invalid_request")
        errors = {"data": [{"code": code, "message": f"it is {fault}"}]}
        self.begun[identity] = {
            "id": identity, "status": status, "fault": fault, "looks": self.looks,
            "errors": errors if status == "failed" else None, **order,
        }  # fmt: skip
        return identity

    def state(self, identity):
        """Return what is told of a batch."""
        return {
            key: value
            for key, value in self.begun[identity].items()
            if key not in ("fault", "looks")
        }

    def look(self, identity, work):
        """Return the state of a batch, which may be done with this look."""
        batch = self.begun[identity]
        if batch["status"] in ("validating", "in_progress"):
            batch["looks"] -= 1
            batch["status"] = "in_progress"
            if batch["looks"] <= 0:
                self.finish(batch, work)
        return self.state(identity)

    def finish(self, batch, work):
        """Do the work of a batch, or half of it."""
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        batch["status"] = "completed"
        if batch["fault"] in ("expired", "cancelled"):
            lines, batch["status"] = lines[: len(lines) // 2], batch["fault"]
        files = {"output_file_id": [], "error_file_id": []}
        for line in lines:
            reply = work(line)
            if reply is not None:
                is_good = reply["response"]["status_code"] == 200
                reply |= {"id": "x", "custom_id": line["custom_id"]}
                files["output_file_id" if is_good else "error_file_id"].append(json.dumps(reply))
        for key, replies in files.items():
            if replies:
                batch[key] = self.upload("\n".join(replies[::-1]).encode())
        if batch["fault"] == "gone":
            del self.files[batch["output_file_id"]]

    def page(self, query):
        """Return a page of all batches, the newest first."""
        names = [*self.begun][::-1]
        if "after" in query:
            names = names[names.index(query["after"][0]) + 1 :]
        data = [self.state(name) for name in names[: self.page_length]]
        return {"data": data, "has_more": len(names) > self.page_length}


def file_in(content):
    """Return the file in a form of several parts."""
    boundary, _, _ = content.partition(b"\r\n")
    for part in content.split(boundary):
        head, _, body = part.partition(b"\r\n\r\n")
        if b"filename=" in head:
            return body.removesuffix(b"\r\n")
    raise ValueError("there is no file")
