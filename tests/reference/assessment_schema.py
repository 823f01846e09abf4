"""Infers data-schemas/assessment.schema.json from assessments that `regimen assess --assessment` wrote.

    python3 tests/reference/assessment_schema.py OUT.json ASSESSMENT.json [ASSESSMENT.json ...]

Every object closes its keys; a key is required when every sample of that place has it; types are the union over the samples. Estimates
are shared. The test tests/it/decision.rs holds every new assessment against the result, so a field that is added, renamed or
retyped fails until the schema is written again and read. Standard library only.
"""

import json
import sys

ESTIMATE = {"estimate", "lower95", "upper95"}
# Places whose keys are data, not names of fields.
TITLE = "One patient's assessment by regimen: research use only"


class Node:
    def __init__(self):
        self.types = set()
        self.n_objects = 0
        self.keys = {}
        self.counts = {}
        self.items = None

    def add(self, value):
        if value is None:
            self.types.add("null")
        elif isinstance(value, bool):
            self.types.add("boolean")
        elif isinstance(value, (int, float)):
            self.types.add("number")
        elif isinstance(value, str):
            self.types.add("string")
        elif isinstance(value, list):
            self.types.add("array")
            for item in value:
                self.items = self.items or Node()
                self.items.add(item)
        else:
            self.types.add("object")
            self.n_objects += 1
            for key, member in value.items():
                self.keys.setdefault(key, Node()).add(member)
                self.counts[key] = self.counts.get(key, 0) + 1

    def schema(self):
        types = sorted(self.types)
        if "object" in self.types and set(self.keys) == ESTIMATE:
            reference = {"$ref": "#/$defs/estimate"}
            return reference if types == ["object"] else {"anyOf": [{"type": [t for t in types if t != "object"]}, reference]}
        found = {"type": types[0] if len(types) == 1 else types} if types else {}
        if self.items is not None:
            found["items"] = self.items.schema()
        if self.n_objects:
            found["properties"] = {key: self.keys[key].schema() for key in self.keys}
            found["required"] = [key for key in self.keys if self.counts[key] == self.n_objects]
            found["additionalProperties"] = False
        return found


def main():
    out, *samples = sys.argv[1:]
    root = Node()
    for path in samples:
        with open(path, encoding="utf-8") as file:
            root.add(json.load(file))
    number = {"type": "number"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "regimen.assessment/1",
        "title": TITLE,
        "$defs": {
            "estimate": {
                "description": "A point estimate with its 95 % interval, in the unit of the quantity; both ends equal the estimate where no interval is published.",
                "type": "object",
                "properties": {"estimate": number, "lower95": number, "upper95": number},
                "required": ["estimate", "lower95", "upper95"],
                "additionalProperties": False,
            }
        },
        **root.schema(),
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(schema, file, indent=1, ensure_ascii=False)
        file.write("\n")


main()
