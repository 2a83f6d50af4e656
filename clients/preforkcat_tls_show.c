/* SPDX-License-Identifier: ISC */
/*
 * A TLS connection for people who debug one: what was agreed on, and who the
 * peer says it is.
 */
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>

#include "clients/client_tls.h"
#include "clients/client_tls_certificate.h"
#include "clients/preforkcat_show.h"
#include "clients/preforkcat_tls_show.h"
#include "common/log.h"

#define ALPN_TEXT_MAX 320

/* The group of the key exchange. OpenSSL asks for an SSL that it could change,
 * and does not. */
static const char *
group(const SSL *ssl)
{
	SSL *same = (SSL *)(uintptr_t)ssl;
	long id = SSL_get_negotiated_group(same);
	const char *name = id <= 0 ? NULL : SSL_group_to_name(same, (int)id);

	return name == NULL ? "unknown" : name;
}

static const char *
alpn(const SSL *ssl, char *buf, size_t size)
{
	const unsigned char *name = NULL;
	unsigned len = 0;

	SSL_get0_alpn_selected(ssl, &name, &len);
	if (len == 0)
		strlcpy(buf, "none", size);
	else
		log_escape_word(buf, size, name, len);
	return buf;
}

static const char *
kernel_part(const SSL *ssl)
{
	bool sends = BIO_get_ktls_send(SSL_get_wbio(ssl));
	bool receives = BIO_get_ktls_recv(SSL_get_rbio(ssl));

	if (sends && receives)
		return ", by the kernel";
	if (sends || receives)
		return sends ? ", sent by the kernel"
			     : ", received by the kernel";
	return "";
}

static void
show_certificate(int i, const X509 *certificate)
{
	char subject[CERTIFICATE_NAME_MAX], issuer[CERTIFICATE_NAME_MAX];
	char names[CERTIFICATE_NAMES_MAX];
	char from[CERTIFICATE_TIME_MAX], until[CERTIFICATE_TIME_MAX];

	show_step("certificate %d: \"%s\" by \"%s\", %s to %s, for %s", i,
	    certificate_name(
		X509_get_subject_name(certificate), subject, sizeof(subject)),
	    certificate_name(
		X509_get_issuer_name(certificate), issuer, sizeof(issuer)),
	    certificate_time(
		X509_get0_notBefore(certificate), from, sizeof(from)),
	    certificate_time(
		X509_get0_notAfter(certificate), until, sizeof(until)),
	    certificate_names(certificate, names, sizeof(names)));
}

void
tls_show(const SSL *ssl, bool unchecked)
{
	const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	const char *objection = client_tls_objection(ssl);
	char protocol[ALPN_TEXT_MAX];

	show_timed("handshake: %s, %s, group %s, ALPN %s, %s session%s",
	    SSL_get_version(ssl), SSL_get_cipher_name(ssl), group(ssl),
	    alpn(ssl, protocol, sizeof(protocol)),
	    SSL_session_reused(ssl) ? "resumed" : "new", kernel_part(ssl));
	for (int i = 0; i < sk_X509_num(chain); i++)
		show_certificate(i, sk_X509_value(chain, i));
	if (unchecked && objection != NULL)
		show_step("unchecked, and it would not hold: %s", objection);
}
