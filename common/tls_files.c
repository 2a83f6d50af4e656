/* SPDX-License-Identifier: ISC */
/*
 * Reads certificates and keys. A file is read whole before a parser sees it, so
 * that it is one state of it, and the bytes of a key are wiped.
 */
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/tls_files.h"

struct contents {
	char *bytes;
	size_t len;
};

static void
wipe(struct contents *contents)
{
	if (contents->bytes != NULL)
		explicit_bzero(contents->bytes, contents->len);
	free(contents->bytes);
	*contents = (struct contents){ 0 };
}

const char *
tls_take_error(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return reason == NULL ? "unknown error" : reason;
}

static bool
read_all(int fd, struct contents *contents, char *why, size_t why_size)
{
	size_t got = 0;

	while (got < contents->len) {
		ssize_t n =
		    read(fd, contents->bytes + got, contents->len - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			snprintf(why, why_size, "cannot be read: %s",
			    n == 0 ? "it shrinks" : strerror(errno));
			return false;
		}
		got += (size_t)n;
	}
	return true;
}

static bool
read_descriptor(int fd, struct contents *contents, char *why, size_t why_size)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		snprintf(why, why_size, "cannot be read: %s", strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, why_size, "is not a file");
		return false;
	}
	if (st.st_size == 0 || st.st_size > (off_t)TLS_FILE_MAX) {
		snprintf(why, why_size,
		    "has %lld bytes; allowed are 1 to %zu of PEM",
		    (long long)st.st_size, TLS_FILE_MAX);
		return false;
	}
	contents->len = (size_t)st.st_size;
	contents->bytes = malloc(contents->len);
	if (contents->bytes == NULL) {
		snprintf(why, why_size, "does not fit into memory");
		return false;
	}
	return read_all(fd, contents, why, why_size);
}

static bool
read_file(
    const char *path, struct contents *contents, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*contents = (struct contents){ 0 };
	if (fd == -1) {
		snprintf(why, why_size, "cannot be read: %s", strerror(errno));
		return false;
	}
	bool good = read_descriptor(fd, contents, why, why_size);
	close(fd);
	if (!good)
		wipe(contents);
	return good;
}

static bool
is_end_of_file(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM &&
	    ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* Called for the passphrase: notes that one is needed. */
static int
refuse_passphrase(char *buf, int size, int writing, void *arg)
{
	bool *asked = arg;

	(void)writing;
	*asked = true;
	if (size > 0)
		*buf = '\0';
	return -1;
}

/* The last line begins as those of PEM do, and not even it is whole: OpenSSL
 * takes it for text and what would have followed for nothing. */
static bool
ends_within_line(const struct contents *contents)
{
	const char *newline = memrchr(contents->bytes, '\n', contents->len);
	const char *line = newline == NULL ? contents->bytes : newline + 1;
	size_t len = (size_t)(contents->bytes + contents->len - line);

	return len > 0 && *line == '-' &&
	    (len < 2 * strlen("-----") ||
		memcmp(line + len - strlen("-----"), "-----",
		    strlen("-----")) != 0);
}

static bool
is_whole(const struct contents *contents, char *why, size_t why_size)
{
	if (!ends_within_line(contents))
		return true;
	snprintf(why, why_size, "is cut off: its last line is not whole");
	return false;
}

/* Also what begins, and then is cut off or spoiled, is an error. */
static bool
parse_certificates(BIO *bio, STACK_OF(X509) * all, char *why, size_t why_size)
{
	bool encrypted = false;
	X509 *one;

	ERR_clear_error();
	while ((one = PEM_read_bio_X509(
		    bio, NULL, refuse_passphrase, &encrypted)) != NULL) {
		if (sk_X509_push(all, one) > 0)
			continue;
		X509_free(one);
		snprintf(why, why_size, "does not fit into memory");
		return false;
	}
	if (!is_end_of_file()) {
		snprintf(why, why_size,
		    "has a certificate, number %d, that "
		    "cannot be read: %s",
		    sk_X509_num(all) + 1, tls_take_error());
		return false;
	}
	ERR_clear_error();
	if (sk_X509_num(all) > 0)
		return true;
	snprintf(why, why_size,
	    "has no certificate (\"-----BEGIN "
	    "CERTIFICATE-----\")");
	return false;
}

STACK_OF(X509) *
    tls_read_certificates(const char *path, char *why, size_t why_size)
{
	struct contents contents;

	if (!read_file(path, &contents, why, why_size))
		return NULL;
	BIO *bio = BIO_new_mem_buf(contents.bytes, (int)contents.len);
	STACK_OF(X509) *all = sk_X509_new_null();
	bool good = bio != NULL && all != NULL;
	if (!good)
		snprintf(why, why_size, "does not fit into memory");
	else
		good = parse_certificates(bio, all, why, why_size) &&
		    is_whole(&contents, why, why_size);
	BIO_free(bio);
	wipe(&contents);
	ERR_clear_error();
	if (good)
		return all;
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/* OpenSSL's own error does not tell. */
static bool
has_key(const struct contents *contents)
{
	static const char words[] = "PRIVATE KEY-----";

	return memmem(contents->bytes, contents->len, words,
		   sizeof(words) - 1) != NULL;
}

static void
say_why_no_key(
    const struct contents *contents, bool encrypted, char *why, size_t why_size)
{
	if (encrypted)
		snprintf(why, why_size,
		    "has an encrypted key, and nobody can "
		    "be asked for its passphrase; store it decrypted, readable "
		    "by root alone");
	else if (!has_key(contents))
		snprintf(why, why_size,
		    "has no private key (\"-----BEGIN "
		    "PRIVATE KEY-----\")");
	else
		snprintf(why, why_size,
		    "has a private key that cannot be "
		    "read: %s",
		    tls_take_error());
}

static EVP_PKEY *
parse_key(BIO *bio, const struct contents *contents, char *why, size_t why_size)
{
	bool encrypted = false;

	ERR_clear_error();
	EVP_PKEY *key =
	    PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &encrypted);
	if (key == NULL)
		say_why_no_key(contents, encrypted, why, why_size);
	ERR_clear_error();
	return key;
}

EVP_PKEY *
tls_read_key(const char *path, char *why, size_t why_size)
{
	struct contents contents;
	EVP_PKEY *key = NULL;

	if (!read_file(path, &contents, why, why_size))
		return NULL;
	BIO *bio = BIO_new_mem_buf(contents.bytes, (int)contents.len);
	if (bio == NULL)
		snprintf(why, why_size, "does not fit into memory");
	else
		key = parse_key(bio, &contents, why, why_size);
	BIO_free(bio);
	wipe(&contents);
	return key;
}
