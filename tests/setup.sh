#!/bin/sh
# Installs what building and testing need and this machine lacks. Says nothing and is quick when nothing is missing.
# Knows Debian and its kin, as root; elsewhere it says what to install and ends with 1.
set -eu

has() { command -v "$1" >/dev/null 2>&1; }

# A folder that holds the whole server, where the tests look for it too.
has_server() {
    for folder in /usr/lib/postgresql/*/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/psql" ]; then return 0; fi
    done
    has initdb && has postgres && has psql
}

has_openssl() {
    if has pkg-config; then pkg-config --exists openssl; else [ -e /usr/include/openssl/ssl.h ]; fi
}

missing=
need() { missing="$missing $1"; }
has_server || need "postgresql-15 postgresql-client-15"
has_openssl || need libssl-dev
has pkg-config || need pkg-config
# With libc6-dev, which gcc alone does not bring, and without which nothing links.
has cc || need build-essential

if [ -n "$missing" ]; then
    if ! has apt-get || [ "$(id -u)" -ne 0 ]; then
        echo "missing on this machine: apt-get install$missing (as root), or what your system calls them" >&2
        exit 1
    fi
    # Debian starts a server of its own with the package unless told not to; nothing here needs it.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    export DEBIAN_FRONTEND=noninteractive
    # Package lists that are absent or stale are the only reason to fetch them.
    # shellcheck disable=SC2086 # a list of words
    install() { apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $missing; }
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    echo "installing:$missing" >&2
    if ! install >"$log" 2>&1 && ! { apt-get update -qq && install; } >"$log" 2>&1; then
        cat "$log" >&2
        echo "could not install:$missing" >&2
        exit 1
    fi
fi

if ! has cargo; then
    echo "missing on this machine: Rust 1.90 or newer (rustup installs it)" >&2
    exit 1
fi
