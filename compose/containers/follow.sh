#!/bin/sh
# In a container: nginx before all addresses that a name has, however many containers are behind it at the time.
#   follow.sh NAME TEMPLATE FILE COMMAND…
# FILE gets the first line of TEMPLATE once for each address, in the place of NAME; when they change, nginx reloads.
set -eu
name=$1 template=$2 file=$3
shift 3

list_servers() {
    line=$(head -n 1 "$template")
    getent ahostsv4 "$name" | sed -n 's/ *STREAM.*//p' | sort -u | while read -r address; do
        echo "$line" | sed "s/ $name:/ $address:/"
    done
}

servers=$(list_servers)
until [ -n "$servers" ]; do
    sleep 1
    servers=$(list_servers)
done
echo "$servers" >"$file"
"$@" &
nginx=$!
trap 'kill -QUIT "$nginx"' TERM INT QUIT
while kill -0 "$nginx" 2>/dev/null; do
    sleep 2 &
    wait "$!" || :
    now=$(list_servers)
    # A name server that is away for a moment is no reason to have no servers.
    if [ -n "$now" ] && [ "$now" != "$servers" ]; then
        servers=$now
        echo "$servers" >"$file"
        kill -HUP "$nginx"
    fi
done
wait "$nginx"
