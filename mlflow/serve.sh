#!/usr/bin/env bash
# Serve one MLflow for a team: accounts, a database, artifacts through the server.
#
#   mlflow/serve.sh                      # sqlite and artifacts in ./mlflow-server, port 5000
#   SETTINGS=team.env mlflow/serve.sh    # everything from a file, see settings.env.example
#
# The first start makes the account "admin" and prints where its password lies.
set -euo pipefail
umask 077

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
settings="${SETTINGS:-$here/settings.env}"
if [[ -f "$settings" ]]; then
    set -a
    # shellcheck source=/dev/null
    source "$settings"
    set +a
elif [[ -n "${SETTINGS:-}" ]]; then
    echo "serve.sh: $settings: no such file" >&2
    exit 2
fi

store="$(mkdir -p "${MLFLOW_STORE:-mlflow-server}" && cd "${MLFLOW_STORE:-mlflow-server}" && pwd)"
host="${MLFLOW_SERVE_HOST:-127.0.0.1}"
port="${MLFLOW_SERVE_PORT:-5000}"
database="${MLFLOW_DATABASE:-sqlite:///$store/mlflow.db}"
accounts="${MLFLOW_ACCOUNTS_DATABASE:-sqlite:///$store/accounts.db}"
mlflow="${MLFLOW_COMMAND:-$(command -v mlflow || echo "$here/../.venv/bin/mlflow")}"
[[ "$mlflow" == */* && -d "$(dirname "$mlflow")" ]] && mlflow="$(cd "$(dirname "$mlflow")" && pwd)/$(basename "$mlflow")"

python="$(dirname "$mlflow")/python"
if ! "$python" -c 'import flask_wtf' 2>/dev/null; then
    echo "serve.sh: accounts need Flask-WTF, which $python does not have: run \`make setup\`," >&2
    echo "  or  $python -m pip install 'mlflow[auth]'" >&2
    exit 2
fi
if [[ "$database $accounts" == *postgresql+psycopg:* ]] && ! "$python" -c 'import psycopg' 2>/dev/null; then
    echo "serve.sh: PostgreSQL needs psycopg, which $python does not have: run \`make setup\`," >&2
    echo "  or  $python -m pip install 'psycopg[binary]'" >&2
    exit 2
fi

# A secret is made once, readable by this account only, and kept over restarts.
secret() {
    [[ -s "$store/$1" ]] || "$python" -c 'import secrets; print(secrets.token_urlsafe(24))' >"$store/$1"
    cat "$store/$1"
}

# Read by MLflow's server; a password in the environment never shows in `ps`.
MLFLOW_FLASK_SERVER_SECRET_KEY="$(secret session.key)"
MLFLOW_AUTH_ADMIN_PASSWORD="${MLFLOW_AUTH_ADMIN_PASSWORD:-$(secret admin.password)}"
export MLFLOW_FLASK_SERVER_SECRET_KEY MLFLOW_AUTH_ADMIN_PASSWORD
export MLFLOW_AUTH_CONFIG_PATH="$store/accounts.ini"
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # its job runners cost 8 processes and gigabytes
export MLFLOW_DISABLE_TELEMETRY=true

cat >"$MLFLOW_AUTH_CONFIG_PATH" <<INI
[mlflow]
default_permission = ${MLFLOW_DEFAULT_PERMISSION:-READ}
database_uri = $accounts
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
INI

echo "serve.sh: http://$host:$port  account: admin  password: in $store/admin.password" >&2
cd "$store" # not the repository: there, the folder mlflow/ stands beside the package of that name
exec "$mlflow" server \
    --app-name basic-auth \
    --backend-store-uri "$database" \
    --artifacts-destination "${MLFLOW_ARTIFACTS:-$store/artifacts}" \
    --host "$host" --port "$port" \
    --workers "${MLFLOW_WORKERS:-1}" \
    ${MLFLOW_ALLOWED_HOSTS:+--allowed-hosts "$MLFLOW_ALLOWED_HOSTS"}
