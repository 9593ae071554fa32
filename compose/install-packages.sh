#!/bin/sh
# Installs Debian packages as root and leaves no service of theirs running or enabled, and no database cluster.
#   install-packages.sh PACKAGE…
# What was installed before keeps its services, clusters and configuration.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.conf
cluster_extra=/etc/postgresql-common/createcluster.d/likestorm.conf
saved=.before-likestorm

list_installed() {
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | sort
}

# Put back what a file was; also what an earlier run that was killed left.
restore() {
    for file in "$policy" "$cluster"; do
        [ ! -e "$file$saved" ] || mv -f "$file$saved" "$file"
    done
    if grep -qs 'of likestorm' "$policy"; then rm -f "$policy"; fi
    if [ -e "$cluster_extra" ]; then
        rm -f "$cluster_extra"
        rmdir "$(dirname "$cluster_extra")" 2>/dev/null || :
    fi
}

guard() {
    [ ! -e "$policy" ] || mv "$policy" "$policy$saved"
    printf '#!/bin/sh\n# Temporary guard of likestorm: nothing starts while it installs.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    if [ -e "$cluster" ]; then
        cp -p "$cluster" "$cluster$saved"
        echo 'create_main_cluster = false' >>"$cluster"
    else
        # Debian's own file, which comes with the packages, includes this folder.
        mkdir -p "$(dirname "$cluster_extra")"
        echo 'create_main_cluster = false' >"$cluster_extra"
    fi
}

# The units and init scripts of one package.
disable() {
    dpkg -L "$1" | sed -n 's#^.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$#\1#p' | while read -r unit; do
        deb-systemd-helper disable "$unit" >/dev/null || :
    done
    dpkg -L "$1" | sed -n 's#^/etc/init\.d/##p' | while read -r script; do
        update-rc.d "$script" disable || :
    done
}

before=$(mktemp)
after=$(mktemp)
trap 'restore; rm -f "$before" "$after"' EXIT
trap 'exit 1' HUP INT TERM
restore
guard
list_installed >"$before"
install() {
    apt-get --quiet --yes --no-install-recommends -o Dpkg::Use-Pty=0 install "$@"
}
# A machine that never updated its lists, or long ago, gets a second try.
install "$@" || { apt-get --quiet update && install "$@"; }
list_installed >"$after"
comm -13 "$before" "$after" | while read -r package; do disable "$package"; done
