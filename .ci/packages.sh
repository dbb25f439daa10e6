# Sourced by ./up and ./check: names the Debian packages that are missing, installs them when root, else prints how.

missing=""

# need COMMAND PACKAGE: PACKAGE is needed when COMMAND is not on the path.
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# Rust links with a C compiler, and some crates bring C: gcc, and the headers and libraries that gcc only recommends.
need_c() {
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' | cc -x c -o /dev/null - >/dev/null 2>&1 ||
        missing="$missing gcc libc6-dev"
}

# psql's package has a pgbench, too, which only looks for the real one.
need_pgbench() {
    pgbench --version >/dev/null 2>&1 || missing="$missing postgresql"
}

install_needed() {
    [ -n "$missing" ] || return 0
    echo "Missing Debian packages:$missing"
    if [ "$(id -u)" = 0 ]; then
        apt-get update -q
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
    else
        echo "Install them with: sudo apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
}
