/* SPDX-License-Identifier: ISC */
/*
 * Certificates as text. Whatever a peer has put into one gets to a terminal
 * escaped only.
 */
#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clients/client_tls_certificate.h"
#include "common/log.h"

const char *
certificate_name(const X509_NAME *name, char *buf, size_t size)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;

	buf[0] = '\0';
	if (text == NULL || name == NULL ||
	    X509_NAME_print_ex(text, name, 0, XN_FLAG_ONELINE) == -1)
		strlcpy(buf, "?", size);
	else {
		long len = BIO_get_mem_data(text, &data);
		log_escape(buf, size, data, len < 0 ? 0 : (size_t)len);
	}
	BIO_free(text);
	return buf[0] == '\0' ? "(no name)" : buf;
}

/* An address of a certificate: 4 or 16 bytes. */
static void
address_text(const ASN1_OCTET_STRING *ip, char *buf, size_t size)
{
	int len = ASN1_STRING_length(ip);

	if ((len != 4 && len != 16) ||
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip),
		buf, (socklen_t)size) == NULL)
		strlcpy(buf, "?", size);
}

static void
general_name(const GENERAL_NAME *name, char *buf, size_t size)
{
	int type;
	const void *value = GENERAL_NAME_get0_value(name, &type);

	buf[0] = '\0';
	if (type == GEN_DNS)
		log_escape_word(buf, size, ASN1_STRING_get0_data(value),
		    (size_t)ASN1_STRING_length(value));
	else if (type == GEN_IPADD)
		address_text(value, buf, size);
}

const char *
certificate_names(const X509 *certificate, char *buf, size_t size)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && len < size; i++) {
		char one[CERTIFICATE_NAME_MAX];

		general_name(sk_GENERAL_NAME_value(names, i), one, sizeof(one));
		if (one[0] != '\0')
			len += (size_t)snprintf(buf + len, size - len, "%s%s",
			    len == 0 ? "" : ", ", one);
	}
	GENERAL_NAMES_free(names);
	if (buf[0] == '\0')
		strlcpy(buf, "nobody", size);
	return buf;
}

const char *
certificate_time(const ASN1_TIME *when, char *buf, size_t size)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(when, &tm) != 1 ||
	    strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		strlcpy(buf, "?", size);
	return buf;
}
