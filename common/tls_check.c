/* SPDX-License-Identifier: ISC */
/*
 * What is wrong, or doubtful, about certificates and keys that can be read.
 * Doubtful is no error: a daemon that does not start because a certificate
 * expired last night serves nobody.
 */
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/tls_check.h"
#include "common/tls_server.h"

#define DAY 86400

int64_t
tls_seconds(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* A name alone may be that of another authority, or of its key of last year. */
static bool
has_issued(X509 *issuer, X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool good = X509_check_issued(issuer, certificate) == X509_V_OK &&
	    key != NULL && X509_verify(certificate, key) == 1;

	ERR_clear_error();
	return good;
}

bool
tls_check_chain(STACK_OF(X509) * chain, char *why, size_t why_size)
{
	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *issuer = sk_X509_value(chain, i);
		if (has_issued(issuer, sk_X509_value(chain, i - 1)))
			continue;
		snprintf(why, why_size,
		    "has certificates in a wrong order: number %d is not the "
		    "issuer of number %d; the server's own comes first, behind "
		    "each the one of its issuer",
		    i + 1, i);
		return false;
	}
	return true;
}

bool
tls_check_dates(const char *file, const char *title, int64_t not_before,
    int64_t not_after, int64_t now, const struct config_place *place,
    struct errors *warnings)
{
	char when[40];

	if (now < not_before) {
		clock_format(when, sizeof(when), not_before, 0);
		errors_add(warnings, place->file, place->line,
		    "\"%s\": the certificate of %s is not valid before %s",
		    file, title, when);
		return true;
	}
	if (now + TLS_WARN_DAYS * DAY < not_after)
		return false;
	clock_format(when, sizeof(when), not_after, 0);
	if (now >= not_after)
		errors_add(warnings, place->file, place->line,
		    "\"%s\": the certificate of %s has expired, at %s", file,
		    title, when);
	else
		errors_add(warnings, place->file, place->line,
		    "\"%s\": the certificate of %s expires in %d days, at %s",
		    file, title, (int)((not_after - now) / DAY), when);
	return true;
}

void
tls_check_key_file(const char *file, const char *user,
    const struct config_place *place, struct errors *warnings)
{
	const struct passwd *pw = *user == '\0' ? NULL : getpwnam(user);
	struct stat st;

	if (stat(file, &st) == -1)
		return;
	if (st.st_mode & S_IROTH)
		errors_add(warnings, place->file, place->line,
		    "\"%s\": everybody can read this key (mode %04o); only "
		    "root should be able to",
		    file, st.st_mode & 07777);
	else if (geteuid() == 0 && pw != NULL && pw->pw_uid != 0 &&
	    (st.st_uid == pw->pw_uid ||
		(st.st_gid == pw->pw_gid && (st.st_mode & S_IRGRP) != 0)))
		errors_add(warnings, place->file, place->line,
		    "\"%s\": user \"%s\", as whom workers run, can read this "
		    "key; only root should be able to",
		    file, user);
}
