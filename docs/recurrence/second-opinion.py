#!/usr/bin/env python3
"""Computes every vector of vectors.json with python-dateutil, which shares no code with the server.

A difference that its vector does not explain in the field `dateutil` is an error. So is an explanation without a difference. It
needs python-dateutil 2.9: `pip install python-dateutil==2.9.0.post0`.
"""

import datetime as dt
import itertools
import json
import pathlib
import sys

from dateutil import rrule, tz, zoneinfo

ZONES = zoneinfo.get_zonefile_instance()
UTC = dt.timezone.utc


class Form:
    """The form of a due date: a day, a wall time or an instant."""

    def __init__(self, text, zone):
        self.zone, self.text, self.length = zone, text, len(text)
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo:
            moment = moment.astimezone(zone)
        self.is_day = self.length == 10
        self.first = moment.replace(tzinfo=None, microsecond=0)

    def slot(self, wall):
        return wall.isoformat()[:10] if self.is_day else wall.isoformat()

    def moved(self, wall):
        return tz.resolve_imaginary(wall.replace(tzinfo=self.zone))

    def at(self, wall):
        """The instant at which a task is due; a day is due at its end."""
        if self.is_day:
            midnight = dt.datetime.combine(self.moved(wall).date() + dt.timedelta(days=1), dt.time())
            return self.moved(midnight).astimezone(UTC) - dt.timedelta(microseconds=1)
        return self.moved(wall).astimezone(UTC)

    def shifted(self, wall):
        moved = self.moved(wall)
        if self.is_day:
            return "gap" if moved.date() != wall.date() else None
        if moved.replace(tzinfo=None) != wall:
            return "gap"
        return "overlap" if tz.datetime_ambiguous(moved) else None

    def due(self, wall):
        if wall == self.first:
            return self.text
        moved = self.moved(wall)
        if self.length in (10, 16, 19):
            return moved.replace(tzinfo=None).isoformat()[: self.length]
        return moved.isoformat().replace("+00:00", "Z")

    def occurrence(self, wall):
        """An occurrence as the vectors have it: only the due date, if nothing has moved it."""
        if not self.shifted(wall):
            return self.due(wall)
        return {"due_date": self.due(wall), "occurrence": self.slot(wall), "shifted": self.shifted(wall)}


class Rule:
    """A rule whose COUNT and UNTIL are applied here, since dateutil takes them only together with DTSTART in the same zone."""

    def __init__(self, text, form):
        parts = dict(part.split("=") for part in text.split(";"))
        self.count = int(parts.pop("COUNT", 0)) or None
        self.form, self.until = form, parts.pop("UNTIL", None)
        self.text = ";".join(f"{name}={value}" for name, value in parts.items())

    def passed(self, wall):
        """Whether a date lies after UNTIL. A day is the end of that day."""
        until = self.until
        if not until:
            return False
        if until.endswith("Z"):
            return self.form.at(wall) > dt.datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if "T" in until:
            return wall > dt.datetime.strptime(until, "%Y%m%dT%H%M%S")
        return wall.date() > dt.datetime.strptime(until, "%Y%m%d").date()

    def dates(self, start):
        found = iter(rrule.rrulestr(self.text, dtstart=start))
        return itertools.takewhile(lambda wall: not self.passed(wall), found)


def preview(vector, form, rule):
    """The dates as dateutil has them, without the due date if the rule does not have it."""
    wanted = len(vector["dates"]) + 1
    if rule.count:
        wanted = min(wanted, rule.count)
    dates = list(itertools.islice(rule.dates(form.first), wanted))
    ends = len(dates) < len(vector["dates"]) + 1
    return {"dates": [form.occurrence(wall) for wall in dates[: len(vector["dates"])]], "ends": ends}


def complete(vector, form, rule):
    """The answers to the completions: each closes the occurrence that the one before it made."""
    current, left, answers = form.first, rule.count and rule.count - 1, []
    keep = vector.get("missed") == "keep"
    for completion in vector["completions"]:
        at = dt.datetime.fromisoformat(completion["at"].replace("Z", "+00:00"))
        start = current
        if vector.get("recurrence_from") == "completion":
            start = dt.datetime.combine(at.astimezone(form.zone).date(), current.time())
        following = None
        for wall in rule.dates(start):
            if wall <= start:
                continue
            if left == 0:
                break
            left = left and left - 1
            if wall > current and (keep or form.at(wall) > at):
                following = wall
                break
        answers.append({"at": completion["at"], "next": following and form.occurrence(following)})
        current = following or current
    return {"completions": answers}


def main():
    vectors = json.loads(pathlib.Path(__file__).with_name("vectors.json").read_text())["vectors"]
    faults = 0
    for vector in vectors:
        form = Form(vector["due_date"], ZONES.get(vector["time_zone"]))
        rule = Rule(vector["recurrence"], form)
        theirs = preview(vector, form, rule) if "dates" in vector else complete(vector, form, rule)
        ours = {key: vector[key] for key in theirs}
        if (theirs != ours) != ("dateutil" in vector):
            faults += 1
            problem = "has an explanation without a difference" if theirs == ours else f"differs: {json.dumps(theirs)}"
            print(f"{vector['name']}: {problem}", file=sys.stderr)
    explained = sum("dateutil" in vector for vector in vectors)
    print(f"{len(vectors)} vectors, {explained} explained differences, {faults} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
