#!/usr/bin/env bash
# Asks every operation of a running server's interface against its own description, with valid and with broken input.
#   bash tests/api/schemathesis.sh BASE [TOKEN]
# Without a token the server must be a demonstration, which signs everybody in; what a missing session gets is then not asked.
# Needs schemathesis 4 (python3 -m venv V && V/bin/pip install schemathesis); SCHEMATHESIS names its program.
set -euo pipefail
base=${1:?address of the server, such as http://127.0.0.1:8080}
token=${2:-}
options=(--checks all --max-examples "${EXAMPLES:-50}" --seed 1 --generation-database none --no-color)
if [ -n "$token" ]; then
  options+=(--header "Authorization: Bearer $token")
fi
# A signed-in demonstration cannot ignore a session, and a token is not what /cds-services looks at.
options+=(--exclude-checks ignored_auth)
exec "${SCHEMATHESIS:-schemathesis}" run "$base/api/v1/openapi.json" --url "$base" "${options[@]}"
