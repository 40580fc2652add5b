#!/bin/sh
# Makes the image of the resident app: make-image.sh [TAG]
#
# With a base image (BASE, debian:bookworm-slim; local or pulled) it is an ordinary docker build. Where none can be had,
# the base is made from this machine's own PHP: its binary, extensions, ini files and every shared library they need.
# The build itself then needs no network.
set -eu

tag=${1:-hyperleak/resident:latest}
base=${BASE:-debian:bookworm-slim}
context=$(cd "$(dirname "$0")/.." && pwd)

say() {
    echo "make-image: $*" >&2
}

die() {
    say "$*"
    exit 1
}

# The engine may be older than the first client on the PATH supports.
find_docker() {
    for client in ${DOCKER:-} docker /usr/bin/docker; do
        if command -v "$client" >/dev/null && "$client" version >/dev/null 2>&1; then
            echo "$client"
            return
        fi
    done
    die "no Docker engine answers: start it, or set DOCKER_HOST, then try again"
}

have_base() {
    "$docker" image inspect "$base" >/dev/null 2>&1 || timeout 20 "$docker" pull --quiet "$base" >/dev/null 2>&1
}

build() {
    if "$docker" buildx version >/dev/null 2>&1; then
        buildkit=1
    else
        buildkit=0
    fi
    DOCKER_BUILDKIT=$buildkit "$docker" build --quiet --file "$context/resident/Dockerfile" \
        --build-arg "BASE=$1" --tag "$tag" "$context" >/dev/null || die "docker build on $1 failed: see above"
}

# With the links on the way to it, so that every path that works here works there.
add() {
    for path in "$@"; do
        [ -e "$path" ] || continue
        mkdir -p "$root$(dirname "$path")"
        cp -dR "$path" "$root$path" 2>/dev/null || true
        real=$(readlink -f "$path")
        if [ "$real" != "$path" ]; then
            mkdir -p "$root$(dirname "$real")"
            cp -R "$real" "$root$real"
        fi
    done
}

add_with_libraries() {
    add "$@"
    for library in $(ldd "$@" 2>/dev/null | grep -o '/[^ :)]*' | sort -u); do
        add "$library"
    done
}

add_php() {
    php=$(command -v php)
    binary=$(readlink -f "$php")
    extensions=$(php -r 'echo ini_get("extension_dir");')
    add_with_libraries "$php" "$binary" "$extensions"/*.so
    ln -sf "$binary" "$root/usr/bin/php"
    scan=$(php -r 'echo PHP_CONFIG_FILE_SCAN_DIR;')
    add "$(php -r 'echo php_ini_loaded_file() ?: "";')" "$scan"
    # The ini files are links to where each extension's file really is.
    for ini in "$scan"/*.ini; do
        add "$ini"
    done
}

# What the Dockerfile's RUN lines and people who look into the container use.
add_tools() {
    busybox=$(command -v busybox || true)
    if [ -n "$busybox" ] && ! ldd "$busybox" >/dev/null 2>&1; then
        cp "$busybox" "$root/bin/busybox"
        for tool in $("$busybox" --list); do
            [ -e "$root/bin/$tool" ] || ln -s busybox "$root/bin/$tool"
        done
        return
    fi
    for tool in sh cat ls sleep head mkdir id env date ps kill grep touch rm; do
        path=$(command -v "$tool") && add_with_libraries "$path"
    done
}

make_base() {
    command -v php >/dev/null \
        || die "the base image $base cannot be had, and there is no php here: install php-cli, or set BASE"
    version=$(php -r 'echo PHP_VERSION;')
    # Another version of this script makes another base.
    base=hyperleak/php-base:$version-$(cksum "$0" | cut -d' ' -f1)
    "$docker" image inspect "$base" >/dev/null 2>&1 && return
    say "no base image can be pulled: making $base from this machine's PHP $version"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root/usr/bin" "$root/etc" "$root/tmp" "$root/proc" "$root/sys" "$root/dev" "$root/home/app"
    ln -s usr/bin "$root/bin"
    ln -s usr/bin "$root/sbin"
    for link in lib lib64 lib32; do
        if [ -L "/$link" ]; then
            mkdir -p "$root/usr/$link"
            ln -s "usr/$link" "$root/$link"
        fi
    done
    chmod 1777 "$root/tmp"
    chown 1000:1000 "$root/home/app" 2>/dev/null || true
    printf 'root:x:0:0:root:/:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' > "$root/etc/passwd"
    printf 'root:x:0:\napp:x:1000:\n' > "$root/etc/group"
    printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
    add_php
    add_tools
    # Debian's PHP reads the time zones of the system.
    add /etc/ld.so.cache /usr/share/zoneinfo/UTC
    for library in /lib/*/libnss_files.so.2 /lib/*/libnss_dns.so.2; do
        add "$library"
    done
    tar -C "$root" -c . | "$docker" import --change 'ENV PATH=/usr/bin:/bin' - "$base" >/dev/null
}

docker=$(find_docker)
if ! have_base; then
    make_base
fi
build "$base"
say "$tag is ready ($("$docker" image inspect --format '{{.Size}}' "$tag") bytes, on $base)"
