#!/bin/sh
# Of a container: secrets come as files (NAME_FILE=/run/secrets/…), and the process replaces this shell, so that it gets
# the engine's signals itself.
set -eu
for name in NODE_SECRET ADMIN_TOKEN DATABASE_URL TURN_SECRET TURN_CREDENTIAL HLS_S3_ACCESS_KEY_ID HLS_S3_SECRET_ACCESS_KEY; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  if [ ! -r "$file" ]; then
    echo "${name}_FILE=$file can't be read by user $(id -u): make it readable for it, or give $name itself" >&2
    exit 78
  fi
  eval "$name=\$(cat \"\$file\")"
  # shellcheck disable=SC2163 # its name is in the variable
  export "$name"
  unset "${name}_FILE"
done
# Taps and control connections need an address that the other containers reach; an engine gives a new one at each start.
if [ "${CONTROL_HOST:-}" = container ]; then
  CONTROL_HOST=$(hostname -i | cut -d ' ' -f 1)
  if [ -z "$CONTROL_HOST" ]; then
    echo "CONTROL_HOST=container: this container's name $(hostname) has no address; give CONTROL_HOST the address itself" >&2
    exit 78
  fi
  export CONTROL_HOST
fi
exec "$@"
