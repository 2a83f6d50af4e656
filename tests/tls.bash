# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# What the tests of TLS share: certificates, made with openssl(1) alone, and the
# lines of a service that has one. A test file makes its certificates once, in
# setup_file, in the folder $PKI; a test that spoils a file copies it to $DIR
# before. Every key is P-256, which takes no time, where nothing else is asked.
#
#	setup_file() {
#		make_usual_certificates
#	}
#
# NAME.pem is a certificate with the intermediates after it, NAME.key its key.

# shellcheck source=tests/helpers.bash
source "${BASH_SOURCE[0]%/*}/helpers.bash"

PKI=${BATS_FILE_TMPDIR-}/pki

# Names under which the daemon of a test is met.
LOCAL_NAMES=DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1

# make_ca NAME [ISSUER]: an authority that clients may be told to trust, or one
# between them and ISSUER.
make_ca() {
	local ISSUER=${2-} EXTENSIONS=of_ca FROM='' UNTIL=''
	NAMES=DNS:none new_certificate "$1" p256
}

# make_certificate NAME [--for NAMES] [--by CA|self] [--key p256|p384|rsa|ed25519]
#     [--from DATE] [--until DATE] [--client]
# NAMES are those of subjectAltName (DNS:a,IP:b), by default LOCAL_NAMES; CA is
# "ca" by default; DATE is what date(1) takes.
make_certificate() {
	local name=$1 names=$LOCAL_NAMES key=p256
	local ISSUER=ca EXTENSIONS=of_server FROM='' UNTIL=''
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--for) names=$2 ;;
		--by) ISSUER=${2#self} ;;
		--key) key=$2 ;;
		--from) FROM=$2 ;;
		--until) UNTIL=$2 ;;
		--client)
			EXTENSIONS=of_client
			shift
			continue
			;;
		*)
			echo "make_certificate: no option $1" >&2
			return 1
			;;
		esac
		shift 2
	done
	NAMES=$names new_certificate "$name" "$key"
}

# What most tests want. The slow one, of RSA, is "rsa".
make_usual_certificates() {
	make_ca ca
	make_certificate good
	make_certificate rsa --key rsa
	make_certificate second --for DNS:second.test
	make_certificate wildcard --for 'DNS:*.example.test'
}

# Certificates with which a client must not be content.
make_bad_certificates() {
	make_certificate expired --from '40 days ago' --until '1 day ago'
	make_certificate not-yet --from '1 day' --until '40 days'
	make_certificate ends-soon --until '5 days'
	make_certificate wrong-name --for DNS:other.test
	make_certificate self-signed --by self
	make_ca unknown-ca
	make_certificate unknown-issuer --by unknown-ca
	make_ca intermediate ca
	make_certificate chained --by intermediate
	only_leaf "$PKI/chained.pem" >"$PKI/no-intermediate.pem"
	cp "$PKI/chained.key" "$PKI/no-intermediate.key"
}

# Certificates of clients.
make_client_certificates() {
	make_certificate client --client --for DNS:client.test
	make_certificate client-expired --client --for DNS:client.test \
		--from '40 days ago' --until '1 day ago'
	make_ca other-ca
	make_certificate client-of-other --client --by other-ca \
		--for DNS:client.test
}

# --- files that are spoiled --------------------------------------------------

# only_leaf FILE: the first certificate of a file.
only_leaf() {
	openssl x509 -in "$1"
}

# encrypt_key NAME: a file with its key under a passphrase.
encrypt_key() {
	openssl pkey -in "$PKI/$1.key" -aes256 -passout pass:secret \
		-out "$PKI/$1.encrypted.key"
}

# cut_in_half FILE COPY
cut_in_half() {
	head -c $(($(stat -c %s "$1") / 2)) "$1" >"$2"
}

# fingerprint FILE: of its first certificate.
fingerprint() {
	openssl x509 -in "$1" -noout -fingerprint -sha256
}

# --- services ----------------------------------------------------------------

# tls_pair NAME: the lines of a service that shows this certificate.
tls_pair() {
	printf 'tls_certificate = %s\ntls_key = %s\n' \
		"$PKI/$1.pem" "$PKI/$1.key"
}

# write_tls_config "lines for the service" ["lines for [preforkd]"
#     ["lines for [pool default]"]]: an echo service over TLS, certificate "good".
write_tls_config() {
	write_config "${@:2}" <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		$(tls_pair good)
		$(printf '%b' "${1-}")
	END
}

# write_renewable_config WORKERS: an echo service whose certificate, "good" at
# first, is a copy in $DIR, which show_pair changes.
write_renewable_config() {
	show_pair good
	write_config "" "workers = $1" <<-END
		[service echo]
		handler = echo
		listen = tls://127.0.0.1:0
		tls_certificate = $DIR/cert.pem
		tls_key = $DIR/cert.key
	END
}

# show_pair NAME: its files, as copies that a test may spoil, for the next start
# or reload.
show_pair() {
	cp "$PKI/$1.pem" "$DIR/cert.pem"
	cp "$PKI/$1.key" "$DIR/cert.key"
}

# add_tls_service NAME HANDLER ADDRESS [LINES]: one more in the configuration,
# certificate "good".
add_tls_service() {
	add_service "$1" "$2" "$3" "$(tls_pair good)
${4-}"
}

# renew reload|restart: with new workers for the default pool. The answer comes
# when they are ready; a moment later no old one accepts any more, and only then
# every new connection is sure to find what is new.
renew() {
	local pid former
	mapfile -t former < <(worker_pids)
	run -0 ctl "$1"
	for pid in "${former[@]}"; do
		wait_until 10 has_left "$pid"
	done
}

has_left() {
	is_gone "$1" || log_has "preforkd\[$1\]: debug: .*: draining$"
}

# --- clients -----------------------------------------------------------------

# tls [ADDRESS [OPTIONS]]: sends standard input to an address of socat(1), then
# close_notify, and prints everything that comes back. OPTIONS are those of
# OPENSSL: addresses, for one
tls() {
	timeout 40 socat -t 30 - "openssl:${1:-127.0.0.1:$(port echo)},\
cafile=$PKI/ca.pem,commonname=localhost${2:+,$2}"
}

# s_client [OPTIONS]: openssl(1) meets the service "echo"; what it tells about the
# handshake is printed. It goes when it has heard its line again, and with it all
# that the server has to say after the handshake. SAYS is another line, of those
# that openssl-s_client(1) obeys, after which there is an error.
s_client() {
	: >"$DIR/s_client"
	timeout 20 openssl s_client -connect "127.0.0.1:$(port echo)" \
		-CAfile "$PKI/ca.pem" -verify_return_error "$@" \
		< <(echo "${SAYS:-hello}" && until_s_client_is_done) \
		>"$DIR/s_client" 2>&1 3>&- 4>&-
	local status=$?
	cat "$DIR/s_client"
	return "$status"
}

until_s_client_is_done() {
	wait_until 10 grep -qE '^hello$|:error:' "$DIR/s_client"
} 3>&- 4>&-

# tls_peers LINES [WORDS]: python with what tests/tls_peers.py has, against the
# service "echo" when that has a port.
tls_peers() {
	local port
	port=$(port echo)
	PORT=${port##*/*} PKI=$PKI PYTHONPATH=$ROOT/tests \
		PYTHONDONTWRITEBYTECODE=1 \
		timeout 50 python3 -c "from tls_peers import *
$1" "${@:2}"
}

# --- how a certificate is made -----------------------------------------------

# new_certificate NAME KEY: its public part signed by $ISSUER, or by itself;
# $EXTENSIONS and $NAMES say what it is for, $FROM and $UNTIL when.
new_certificate() {
	prepare_pki
	local key signer=(-selfsign -keyfile "$PKI/$1.key")
	read -ra key < <(key_words "$2")
	[ -z "$ISSUER" ] || signer=(-cert "$PKI/$ISSUER.pem"
		-keyfile "$PKI/$ISSUER.key")
	quietly openssl req -new -nodes -subj "/CN=$1" -newkey "${key[@]}" \
		-keyout "$PKI/$1.key" -out "$PKI/request" || return
	quietly openssl ca -batch -notext -config "$PKI/openssl.cnf" \
		-extensions "$EXTENSIONS" "${signer[@]}" \
		-startdate "$(asn1_date "${FROM:-1 hour ago}")" \
		-enddate "$(asn1_date "${UNTIL:-60 days}")" \
		-in "$PKI/request" -out "$PKI/$1.pem" || return
	add_intermediate "$1"
}

# Errors of openssl(1) are shown only when there are any: it is a talker.
quietly() {
	"$@" >"$PKI/said" 2>&1 || {
		cat "$PKI/said" >&2
		return 1
	}
}

# What an authority that is no root itself signed is followed by its own.
add_intermediate() {
	[ -n "$ISSUER" ] && ! is_root "$ISSUER" || return 0
	cat "$PKI/$ISSUER.pem" >>"$PKI/$1.pem"
}

is_root() {
	[ "$(openssl x509 -in "$PKI/$1.pem" -noout -subject)" = \
		"subject=CN = $1" ] &&
		[ "$(openssl x509 -in "$PKI/$1.pem" -noout -issuer)" = \
			"issuer=CN = $1" ]
}

key_words() {
	case $1 in
	p256) echo ec -pkeyopt ec_paramgen_curve:P-256 ;;
	p384) echo ec -pkeyopt ec_paramgen_curve:P-384 ;;
	rsa) echo rsa:2048 ;;
	*) echo "$1" ;;
	esac
}

asn1_date() {
	date -u -d "$1" +%Y%m%d%H%M%SZ
}

# The folder, and what openssl-ca(1) wants to have.
prepare_pki() {
	[ ! -e "$PKI/openssl.cnf" ] || return 0
	mkdir -p "$PKI/issued"
	touch "$PKI/index" "$PKI/index.attr"
	cat >"$PKI/openssl.cnf" <<-END
		[ca]
		default_ca = any
		[any]
		database = $PKI/index
		new_certs_dir = $PKI/issued
		rand_serial = yes
		unique_subject = no
		default_md = sha256
		policy = free
		[free]
		commonName = supplied
		[of_ca]
		basicConstraints = critical, CA:TRUE
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		[of_server]
		basicConstraints = critical, CA:FALSE
		keyUsage = critical, digitalSignature, keyEncipherment
		extendedKeyUsage = serverAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		subjectAltName = \$ENV::NAMES
		[of_client]
		basicConstraints = critical, CA:FALSE
		keyUsage = critical, digitalSignature
		extendedKeyUsage = clientAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		subjectAltName = \$ENV::NAMES
	END
}
