#!/bin/sh
# In a container: makes PostgreSQL's cluster where there is none yet, then is the server that the arguments say.
#   start.sh primary|replica FOLDER DATA COMMAND…
set -eu
role=$1 folder=$2 data=$3
shift 3

make_primary() {
    initdb --pgdata "$data.new" --username postgres --pwfile "$folder/password" --auth scram-sha-256 \
        --encoding UTF8 --no-locale --no-instructions >/dev/null
    # Alone on its files the server reads statements, a line each; one that fails shows in what is said only.
    said=$(postgres --single -F -D "$data.new" -c config_file="$folder/postgresql.conf" template1 \
        <"$folder/roles.sql" 2>&1)
    case $said in *ERROR:*) echo "$said" >&2; exit 1 ;; esac
}

make_replica() {
    export PGSERVICEFILE="$folder/pg_service.conf"
    until pg_basebackup --dbname service=primary --pgdata "$data.new" --checkpoint fast --wal-method stream; do
        rm -rf "$data.new"
        sleep 1
    done
    touch "$data.new/standby.signal"
}

if [ ! -s "$data/PG_VERSION" ]; then
    # What a container that was killed meanwhile left.
    rm -rf "$data.new"
    "make_$role"
    chmod 700 "$data.new"
    mv "$data.new" "$data"
fi
exec "$@"
