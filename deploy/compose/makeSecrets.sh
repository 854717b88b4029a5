#!/bin/sh
# Makes what is missing in secrets/, and leaves what is there as it is. The folder is for its owner only; the files can be
# read by the containers' users, which get them one by one.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make() {
  [ -s "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"
  chmod 444 "secrets/$1"
}
for name in node_secret admin_token postgres_password turn_secret grafana_password; do make "$name" "$(random)"; done
make database_url "postgres://framelock:$(cat secrets/postgres_password)@postgres:5432/framelock"
make turnserver.conf "$(cat turnserver.conf)
static-auth-secret=$(cat secrets/turn_secret)
"
echo "secrets/ is complete; sign in as administrator with the token in $(pwd)/secrets/admin_token"
