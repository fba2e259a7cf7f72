# SPDX-License-Identifier: Apache-2.0
# Sourced by ./run and ./test: what must be installed, and how it gets there.

packages_build=(gcc libc6-dev meson ninja-build pkgconf python3 libevent-dev liblmdb-dev
	libseccomp-dev libsqlite3-dev libjansson-dev libcrypt-dev libunbound-dev
	libc-ares-dev libidn2-dev libssl-dev libgsasl-dev libldap-dev libpq-dev libpam0g-dev
	libcurl4-openssl-dev zlib1g-dev)
packages_test=(libcmocka-dev python3-pytest python3-pytest-xdist perl swaks curl msmtp mutt openssl gsasl)

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif sudo -n true 2>/dev/null; then
		sudo -n "$@"
	elif [ -t 0 ] && command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "Not root and no sudo here. Please run as root: $*" >&2
		return 77
	fi
}

# packages_need PACKAGE…: installs those that are missing; says which.
packages_need() {
	local missing=() package status
	if ! command -v dpkg-query >/dev/null; then
		echo "Not a Debian system: please see to these yourself: $*" >&2
		return 0
	fi
	for package in "$@"; do
		status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) || status=
		[ "$status" = "install ok installed" ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "Installing: ${missing[*]}"
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
	as_root "${apt[@]}" update </dev/null
	as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
}

# packages_unpack FOLDER PACKAGE…: other mail servers, which must not be installed beside each
# other: unpacked there, with libraries that the system lacks, and nothing is set up or started.
packages_unpack() {
	local folder=$1 libraries
	shift
	[ ! -e "$folder/complete" ] || return 0
	command -v apt-get >/dev/null || return 0
	echo "Unpacking in $folder: $*"
	rm -rf "$folder"
	mkdir -p "$folder"
	apt-get -s install --no-install-recommends "$@" >/dev/null 2>&1 || as_root apt-get -q update </dev/null
	mapfile -t libraries < <(apt-get -s install --no-install-recommends "$@" 2>/dev/null |
		awk '$1 == "Inst" && $2 ~ /^lib/ { print $2 }')
	if (cd "$folder" && apt-get -q download "$@" "${libraries[@]}" </dev/null &&
		for deb in *.deb; do dpkg -x "$deb" . || exit 1; done && rm -f -- *.deb); then
		touch "$folder/complete"
	else
		echo "That did not work; tests that need it are skipped." >&2
	fi
}

# build_in FOLDER OPTION…: sets up (once) and builds.
build_in() {
	local folder=$1
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		rm -rf "$folder"
		CC=${CC:-gcc} meson setup "$folder" "$@" || return
	fi
	ninja -C "$folder"
}
