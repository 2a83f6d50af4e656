/* SPDX-License-Identifier: ISC */
/*
 * Names in certificates: which of several a client means by the server name
 * that it sends. OpenSSL compares too (X509_check_host(3)), but tells not
 * whether a wildcard was needed, and an exact name goes before.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/tls_names.h"

#define NAME_BYTES_MAX 255 /* RFC 1035 */

static bool
has(const struct tls_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

static bool
add(struct tls_names *names, const ASN1_STRING *string)
{
	const unsigned char *bytes = ASN1_STRING_get0_data(string);
	int len = ASN1_STRING_length(string);
	char name[NAME_BYTES_MAX + 1];

	if (len <= 0 || len > NAME_BYTES_MAX ||
	    memchr(bytes, '\0', (size_t)len) != NULL)
		return true;
	for (int i = 0; i < len; i++)
		name[i] = (char)tolower(bytes[i]);
	name[len] = '\0';
	if (has(names, name))
		return true;
	char **grown = reallocarray(names->items, names->n + 1, sizeof(*grown));
	if (grown == NULL)
		return false;
	names->items = grown;
	grown[names->n] = strdup(name);
	return grown[names->n] != NULL && ++names->n > 0;
}

static bool
add_common_name(struct tls_names *names, X509 *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	return i < 0 ||
	    add(names,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
}

/* subjectAltName; NULL when there is none (*FOUND is -1), or none that can be
 * read. */
static GENERAL_NAMES *
read_alternatives(X509 *certificate, int *found)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, found, NULL);

	ERR_clear_error();
	return all;
}

bool
tls_names_read(struct tls_names *names, X509 *certificate)
{
	int found;
	GENERAL_NAMES *all = read_alternatives(certificate, &found);
	bool good = true;

	*names = (struct tls_names){ 0 };
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && good; i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
		if (one->type == GEN_DNS)
			good = add(names, one->d.dNSName);
	}
	if (found == -1)
		good = add_common_name(names, certificate);
	GENERAL_NAMES_free(all);
	if (!good)
		tls_names_clear(names);
	return good;
}

void
tls_names_clear(struct tls_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct tls_names){ 0 };
}

bool
tls_names_equal(const struct tls_names *a, const struct tls_names *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!has(b, a->items[i]))
			return false;
	}
	return true;
}

/* As the names are kept. False for one that no certificate can have. */
static bool
to_lower(char *name, size_t size, const char *from)
{
	size_t len = strlcpy(name, from, size);

	if (len == 0 || len >= size)
		return false;
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return name[0] != '\0';
}

bool
tls_names_have(const struct tls_names *names, const char *name)
{
	char lower[NAME_BYTES_MAX + 2];

	return to_lower(lower, sizeof(lower), name) && lower[0] != '*' &&
	    has(names, lower);
}

bool
tls_names_match_wildcard(const struct tls_names *names, const char *name)
{
	char lower[NAME_BYTES_MAX + 2], wildcard[NAME_BYTES_MAX + 3] = "*";

	if (!to_lower(lower, sizeof(lower), name))
		return false;
	const char *rest = strchr(lower, '.');
	if (rest == NULL || rest == lower)
		return false;
	strlcat(wildcard, rest, sizeof(wildcard));
	return has(names, wildcard);
}

/* The bytes may be anybody's. */
static char *
escaped(const void *bytes, size_t len)
{
	char text[4 * NAME_BYTES_MAX + 1];

	return strdup(log_escape_word(text, sizeof(text), bytes,
	    len < NAME_BYTES_MAX ? len : NAME_BYTES_MAX));
}

static char *
first_address(X509 *certificate)
{
	int found;
	GENERAL_NAMES *all = read_alternatives(certificate, &found);
	char text[INET6_ADDRSTRLEN] = "";

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
		if (one->type != GEN_IPADD || text[0] != '\0')
			continue;
		int len = ASN1_STRING_length(one->d.iPAddress);
		if (len == 4 || len == 16)
			inet_ntop(len == 4 ? AF_INET : AF_INET6,
			    ASN1_STRING_get0_data(one->d.iPAddress), text,
			    sizeof(text));
	}
	GENERAL_NAMES_free(all);
	return text[0] == '\0' ? NULL : strdup(text);
}

char *
tls_names_title(X509 *certificate)
{
	struct tls_names names;
	char subject[256] = "";

	if (!tls_names_read(&names, certificate))
		return NULL;
	char *title = names.n == 0
	    ? first_address(certificate)
	    : escaped(names.items[0], strlen(names.items[0]));
	tls_names_clear(&names);
	if (title != NULL)
		return title;
	X509_NAME_oneline(
	    X509_get_subject_name(certificate), subject, sizeof(subject));
	return escaped(subject, strlen(subject));
}
