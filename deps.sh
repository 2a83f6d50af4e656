#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Installs what is missing to build, test or lint preforkd, and says so; does
# nothing when nothing is missing. What is missing is found by asking for the
# thing itself (a command, a pkg-config module, a bats library), not for a
# package, so that it need not come from one.
#
# usage: deps.sh [build] [test] [lint] [fuzz] [bench] [peers]
#     none: build test; peers are what `make bench` measures against: each that
#     cannot be had is named, and is no failure
set -u

say() {
	printf 'deps: %s\n' "$*"
}

die() {
	printf 'deps: %s\n' "$*" >&2
	exit 1
}

# --- what is needed: "kind thing" lines --------------------------------------

needs_of_build() {
	cat <<-'END'
	command cc
	command make
	command pkg-config
	module libbsd-overlay
	module libbsd-ctor
	module inih
	module jansson
	module libssl
	command openssl
	module ncursesw
	module libpcap
	END
}

needs_of_test() {
	cat <<-'END'
	command bats
	bats bats-support
	bats bats-assert
	bats bats-file
	module cmocka
	command parallel
	command socat
	command ncat
	command curl
	command jq
	command python3
	command strace
	command valgrind
	command ps
	command ss
	command setpriv
	command addr2line
	command nsenter
	command script
	command tmux
	command zsh
	daemon nft
	daemon tcpdump
	command gnutls-cli
	command gnutls-serv
	daemon haproxy
	command promtool
	library libfaketime.so.1
	command systemd-socket-activate
	command systemd-analyze
	daemon nginx
	script testssl
	END
}

needs_of_lint() {
	cat <<-'END'
	command clang-format
	command shellcheck
	command cppcheck
	command mandoc
	END
}

needs_of_fuzz() {
	cat <<-'END'
	command clang
	END
}

needs_of_bench() {
	cat <<-'END'
	command openssl
	command python3
	command ss
	END
}

needs_of_peers() {
	cat <<-'END'
	command go
	daemon nginx
	library ngx_stream_module.so
	daemon haproxy
	library mod_echo.so
	daemon xinetd
	command tcpserver
	END
}

have() {
	case $1 in
	library) [ -n "$(find /usr/lib /usr/lib64 -name "$2" 2>/dev/null)" ] ;;
	command) command -v "$2" >/dev/null 2>&1 ;;
	script) { command -v "$2" || command -v "$2.sh"; } >/dev/null 2>&1 ;;
	daemon) PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null 2>&1 ;;
	module) pkg-config --exists "$2" 2>/dev/null ;;
	bats)
		for place in ${BATS_LIB_PATH:-} /usr/lib/bats /usr/share/bats \
		    /usr/local/lib/bats /usr/lib/node_modules; do
			[ -e "$place/$2/load.bash" ] && return 0
		done
		return 1
		;;
	esac
}

# --- which package brings it: "thing apt dnf apk" ----------------------------

packages() {
	cat <<-'END'
	cc gcc,libc6-dev gcc,glibc-devel gcc,musl-dev,linux-headers
	make make make make
	pkg-config pkg-config pkgconf-pkg-config pkgconf
	libbsd-overlay libbsd-dev libbsd-devel libbsd-dev
	libbsd-ctor libbsd-dev libbsd-ctor-static libbsd-static
	inih libinih-dev inih-devel inih-dev
	jansson libjansson-dev jansson-devel jansson-dev
	libssl libssl-dev openssl-devel openssl-dev
	ncursesw libncurses-dev ncurses-devel ncurses-dev
	libpcap libpcap-dev libpcap-devel libpcap-dev
	bats bats bats bats
	bats-support bats-support bats-support bats-support
	bats-assert bats-assert bats-assert bats-assert
	bats-file bats-file bats-file bats-file
	cmocka libcmocka-dev libcmocka-devel cmocka-dev
	parallel parallel parallel parallel
	socat socat socat socat
	ncat ncat nmap-ncat nmap-ncat
	curl curl curl curl
	jq jq jq jq
	python3 python3 python3 python3
	strace strace strace strace
	valgrind valgrind valgrind valgrind
	ps procps procps-ng procps-ng
	ss iproute2 iproute iproute2
	setpriv util-linux util-linux setpriv
	addr2line binutils binutils binutils
	nsenter util-linux util-linux util-linux-misc
	script bsdutils util-linux util-linux-misc
	tmux tmux tmux tmux
	zsh zsh zsh zsh
	nft nftables nftables nftables
	tcpdump tcpdump tcpdump tcpdump
	openssl openssl openssl openssl
	gnutls-cli gnutls-bin gnutls-utils gnutls-utils
	gnutls-serv gnutls-bin gnutls-utils gnutls-utils
	haproxy haproxy haproxy haproxy
	promtool prometheus golang-github-prometheus prometheus
	libfaketime.so.1 libfaketime libfaketime libfaketime
	systemd-socket-activate systemd systemd -
	systemd-analyze systemd systemd -
	testssl testssl.sh testssl testssl.sh
	clang-format clang-format clang-tools-extra clang-extra-tools
	shellcheck shellcheck ShellCheck shellcheck
	cppcheck cppcheck cppcheck cppcheck
	mandoc mandoc mandoc mandoc
	clang clang clang clang,compiler-rt
	go golang-go golang go
	nginx nginx-light nginx nginx
	ngx_stream_module.so libnginx-mod-stream nginx-mod-stream nginx-mod-stream
	mod_echo.so apache2-bin httpd-core apache2
	xinetd xinetd xinetd xinetd
	tcpserver ucspi-tcp ucspi-tcp ucspi-tcp
	END
}

# package_of THING COLUMN
package_of() {
	packages | awk -v thing="$1" -v column="$2" \
	    '$1 == thing { gsub(",", " ", $column); print $column }'
}

# --- how this machine installs -----------------------------------------------

if command -v apt-get >/dev/null 2>&1; then
	manager=apt-get column=2
elif command -v dnf >/dev/null 2>&1; then
	manager=dnf column=3
elif command -v apk >/dev/null 2>&1; then
	manager=apk column=4
else
	manager='' column=2
fi

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

can_install() {
	[ -n "$manager" ] || die "no apt-get, dnf or apk here; please install: $*"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
	    die "not root, and no sudo here; please install: $*"
}

# A package must not start its service only because a test wants a tool of it.
# Debian asks policy-rc.d: ours says no to all for as long as the installation
# takes. A policy that the machine has stays what it is.
policy=/usr/sbin/policy-rc.d
with_services_forbidden() {
	if [ -e "$policy" ]; then
		"$@"
		return
	fi
	trap 'as_root rm -f "$policy"; exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null &&
	    as_root chmod 755 "$policy" && "$@"
	status=$?
	as_root rm -f "$policy"
	trap - HUP INT TERM
	return $status
}

install_with_apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
	    with_services_forbidden as_root env \
		DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
		apt-get -q -y --no-install-recommends install "$@"
}

install_packages() {
	case $manager in
	apt-get) install_with_apt "$@" ;;
	dnf) as_root dnf -q -y --setopt=install_weak_deps=False install "$@" ;;
	apk) as_root apk add --no-cache -q "$@" ;;
	esac
}

# --- the work ----------------------------------------------------------------

missing_of() {
	"needs_of_$1" | while read -r kind thing; do
		have "$kind" "$thing" || echo "$kind $thing"
	done
}

# A peer that is not to be had here is named and left out: one thing at a time.
install_peers() {
	missing_of peers | while read -r kind thing; do
		package=$(package_of "$thing" "$column")
		can_install "$package"
		say "installing with $manager: $package (for $thing)"
		# shellcheck disable=SC2086 # a list of words
		install_packages $package >/dev/null 2>&1 </dev/null
		have "$kind" "$thing" ||
		    say "no $thing on this machine: bench goes without it"
	done
}

[ $# -gt 0 ] || set -- build test

missing=''
peers=no
for group; do
	case $group in
	build | test | lint | fuzz | bench) ;;
	peers)
		peers=yes
		continue
		;;
	*) die "unknown group \"$group\": see the head of this file" ;;
	esac
	missing="$missing$(missing_of "$group")
"
done
[ "$peers" = no ] || install_peers
things=$(printf '%s' "$missing" | awk 'NF { print $2 }')
[ -n "$things" ] || exit 0

wanted=''
for thing in $things; do
	package=$(package_of "$thing" "$column")
	case $package in
	-) die "no package of $manager brings $thing" ;;
	esac
	for word in $package; do
		case " $wanted " in
		*" $word "*) ;;
		*) wanted="$wanted${wanted:+ }$word" ;;
		esac
	done
done

say "missing: $(echo "$things" | tr '\n' ' ')"
# shellcheck disable=SC2086 # a list of words
can_install $wanted
say "installing with $manager: $wanted"
log=$(mktemp) || die "cannot make a temporary file"
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
if ! install_packages $wanted >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	die "could not install: $wanted"
fi

printf '%s' "$missing" | while read -r kind thing; do
	[ -z "$thing" ] || have "$kind" "$thing" ||
	    die "$thing is still missing after installing: $wanted"
done
