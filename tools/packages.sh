# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Installing what tools/check and tools/demo need, on Debian. Source it, set PACKAGES, and
# OPTIONAL_PACKAGES for those that a distribution may lack, and call install_packages.

LEFT_OUT=() # optional packages that the distribution does not have

# missing_packages NAME...
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

distribution() {
    sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release
}

# Needs root, unless there is nothing to install.
install_packages() {
    local missing optional package wanted=()
    mapfile -t missing < <(missing_packages "${PACKAGES[@]}")
    mapfile -t optional < <(missing_packages "${OPTIONAL_PACKAGES[@]}")
    ((${#missing[@]} + ${#optional[@]} > 0)) || return 0
    if ((EUID != 0)); then
        LEFT_OUT=("${optional[@]}")
        ((${#missing[@]} > 0)) || return 0
        printf 'not installed: %s\nroot can install them: apt-get install %s\n' "${missing[*]}" "${missing[*]}"
        return 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update || return 1
    for package in "${optional[@]}"; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            wanted+=("$package")
        else
            LEFT_OUT+=("$package")
        fi
    done
    ((${#missing[@]} + ${#wanted[@]} > 0)) || return 0
    apt-get install -y --no-install-recommends "${missing[@]}" "${wanted[@]}"
}
