/* SPDX-License-Identifier: ISC */
/* Files with certificates and keys, and everything that can be wrong with one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "common/tls_files.h"
#include "tests/unit/certificates.h"
#include "tests/unit/folder.h"

static struct made leaf, authority;

static int
prepare(void **state)
{
	authority = make_certificate(
	    (struct wish){ .subject = "ca", .authority = true });
	leaf = make_certificate((struct wish){
	    .subject = "leaf", .names = "DNS:a.test", .issuer = &authority });
	return folder_make(state);
}

static int
clean_up(void **state)
{
	made_free(leaf);
	made_free(authority);
	return folder_remove(state);
}

/* How many certificates there are; 0 with WHY. */
static int
count_certificates(const char *path, char *why, size_t why_size)
{
	STACK_OF(X509) *all = tls_read_certificates(path, why, why_size);
	int n = all == NULL ? 0 : sk_X509_num(all);

	assert_true(all == NULL || n > 0);
	sk_X509_pop_free(all, X509_free);
	error_queue_is_empty();
	return n;
}

static void
certificates_are_refused(const char *path, const char *expected)
{
	char why[512] = "";

	assert_int_equal(count_certificates(path, why, sizeof(why)), 0);
	assert_string_equal(why, expected);
}

static void
key_is_refused(const char *path, const char *expected)
{
	char why[512] = "";

	assert_null(tls_read_key(path, why, sizeof(why)));
	assert_string_equal(why, expected);
	error_queue_is_empty();
}

static void
both_are_refused(const char *path, const char *expected)
{
	certificates_are_refused(path, expected);
	key_is_refused(path, expected);
}

static void
key_is(const char *path, const EVP_PKEY *expected)
{
	char why[512] = "";
	EVP_PKEY *key = tls_read_key(path, why, sizeof(why));

	if (key == NULL)
		fail_msg("%s", why);
	assert_int_equal(EVP_PKEY_eq(key, expected), 1);
	EVP_PKEY_free(key);
	error_queue_is_empty();
}

static const char *
joined(const char *first, const char *second, const char *third)
{
	static char text[65536];

	snprintf(text, sizeof(text), "%s%s%s", first, second, third);
	return text;
}

static void
what_is_no_file_is_refused_and_waited_for_by_nobody(void **state)
{
	(void)state;
	both_are_refused(
	    in_folder("missing"), "cannot be read: No such file or directory");
	both_are_refused(folder, "is not a file");
	both_are_refused("/dev/zero", "is not a file");
	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	both_are_refused(in_folder("pipe"), "is not a file");
	assert_int_equal(symlink("loop", in_folder("loop")), 0);
	both_are_refused(in_folder("loop"),
	    "cannot be read: Too many levels of symbolic links");
}

static void
size_has_bounds(void **state)
{
	const char *path = write_file("large", "x");
	char why[512];
	int fd;

	(void)state;
	both_are_refused(write_file("empty", ""),
	    "has 0 bytes; allowed are 1 to 1048576 of PEM");
	assert_int_equal(truncate(path, (off_t)TLS_FILE_MAX + 1), 0);
	both_are_refused(
	    path, "has 1048577 bytes; allowed are 1 to 1048576 of PEM");
	/* The largest that is allowed, with a certificate at its end. */
	const char *pem = pem_of(leaf.certificate, NULL, NULL);
	fd = open(path, O_WRONLY | O_TRUNC);
	for (size_t i = 0; i < TLS_FILE_MAX - strlen(pem); i += 64) {
		size_t n = TLS_FILE_MAX - strlen(pem) - i;
		char line[64];
		memset(line, ' ', sizeof(line));
		line[(n < 64 ? n : 64) - 1] = '\n';
		assert_true(write(fd, line, n < 64 ? n : 64) > 0);
	}
	assert_int_equal(write(fd, pem, strlen(pem)), strlen(pem));
	close(fd);
	assert_int_equal(count_certificates(path, why, sizeof(why)), 1);
}

static void
garbage_is_no_certificate_and_no_key(void **state)
{
	char nothing[4096] = "";

	(void)state;
	const char *garbage = write_file("garbage", "hello\nworld\n");
	certificates_are_refused(
	    garbage, "has no certificate (\"-----BEGIN CERTIFICATE-----\")");
	key_is_refused(
	    garbage, "has no private key (\"-----BEGIN PRIVATE KEY-----\")");
	garbage = write_bytes("zeros", nothing, sizeof(nothing));
	certificates_are_refused(
	    garbage, "has no certificate (\"-----BEGIN CERTIFICATE-----\")");
	key_is_refused(
	    garbage, "has no private key (\"-----BEGIN PRIVATE KEY-----\")");
}

static void
each_kind_is_found_among_others(void **state)
{
	const char *key = pem_of_key(leaf.key, NULL);
	const char *chain =
	    pem_of(leaf.certificate, authority.certificate, NULL);
	char why[512];

	(void)state;
	const char *path = write_file("both", joined(key, chain, "bye\n"));
	assert_int_equal(count_certificates(path, why, sizeof(why)), 2);
	key_is(path, leaf.key);
	path = write_file("behind", joined("# text\n\n", chain, key));
	assert_int_equal(count_certificates(path, why, sizeof(why)), 2);
	key_is(path, leaf.key);
	/* The first of several keys. */
	key_is(
	    write_file("two", joined(key, pem_of_key(authority.key, NULL), "")),
	    leaf.key);
	certificates_are_refused(write_file("key", key),
	    "has no certificate (\"-----BEGIN CERTIFICATE-----\")");
	key_is_refused(write_file("chain", chain),
	    "has no private key (\"-----BEGIN PRIVATE KEY-----\")");
}

static void
keys_of_every_kind_are_read(void **state)
{
	static const char *const kinds[] = { "P-256", "P-384", "ED25519",
		"RSA" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EVP_PKEY *key = make_key(kinds[i], 0);
		key_is(write_file("key", pem_of_key(key, NULL)), key);
		EVP_PKEY_free(key);
	}
	/* What `openssl ecparam -genkey` writes. */
	const char *pem = pem_of_key(leaf.key, NULL);
	key_is(write_file("parameters",
		   joined("-----BEGIN EC PARAMETERS-----\n"
			  "BggqhkjOPQMBBw==\n"
			  "-----END EC PARAMETERS-----\n",
		       pem, "")),
	    leaf.key);
	/* The old form of a key that is one of its kind only. */
	BIO *bio = BIO_new_file(in_folder("old"), "w");
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(
			     bio, leaf.key, NULL, NULL, 0, NULL, NULL),
	    1);
	BIO_free(bio);
	key_is(in_folder("old"), leaf.key);
}

static void
nobody_is_asked_for_a_passphrase(void **state)
{
	static const char expected[] =
	    "has an encrypted key, and nobody can be asked for its passphrase; "
	    "store it decrypted, readable by root alone";
	static unsigned char phrase[] = "phrase";

	(void)state;
	key_is_refused(
	    write_file("pkcs8", pem_of_key(leaf.key, "phrase")), expected);
	/* Not even the empty one is tried. */
	key_is_refused(write_file("empty", pem_of_key(leaf.key, "")), expected);
	BIO *bio = BIO_new_file(in_folder("old"), "w");
	assert_int_equal(
	    PEM_write_bio_PrivateKey_traditional(bio, leaf.key,
		EVP_aes_256_cbc(), phrase, sizeof(phrase) - 1, NULL, NULL),
	    1);
	BIO_free(bio);
	key_is_refused(in_folder("old"), expected);
}

/* By a header that only keys have in real life: OpenSSL would ask whoever sits
 * at the terminal, and wait. */
static void
nor_for_one_of_a_certificate(void **state)
{
	const char *pem = pem_of(leaf.certificate, NULL, NULL);
	size_t head = strlen("-----BEGIN CERTIFICATE-----\n");
	char text[8192];

	(void)state;
	snprintf(text, sizeof(text),
	    "%.*sProc-Type: 4,ENCRYPTED\nDEK-Info: "
	    "AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n%s",
	    (int)head, pem, pem + head);
	certificates_are_refused(write_file("encrypted", text),
	    "has a certificate, number 1, that cannot be read: bad password "
	    "read");
}

static void
one_spoiled_behind_a_good_one_is_an_error(void **state)
{
	const char *good = pem_of(leaf.certificate, NULL, NULL);
	char spoiled[8192];

	(void)state;
	snprintf(spoiled, sizeof(spoiled), "%s",
	    pem_of(authority.certificate, NULL, NULL));
	char *middle = spoiled + strlen(spoiled) / 2;
	*middle = '!';
	certificates_are_refused(
	    write_file("base64", joined(good, spoiled, "")),
	    "has a certificate, number 2, that cannot be read: bad base64 "
	    "decode");
	certificates_are_refused(
	    write_file("between", joined(good, spoiled, good)),
	    "has a certificate, number 2, that cannot be read: bad base64 "
	    "decode");
	certificates_are_refused(write_file("der",
				     joined(good,
					 "-----BEGIN CERTIFICATE-----\nAAAA\n"
					 "-----END CERTIFICATE-----\n",
					 "")),
	    "has a certificate, number 2, that cannot be read: wrong tag");
}

/* Wherever it is cut off: no certificate is lost in silence but where one ends.
 */
static void
a_file_that_is_cut_off_is_an_error(void **state)
{
	char chain[8192], why[512];
	size_t first = strlen(pem_of(leaf.certificate, NULL, NULL));

	(void)state;
	snprintf(chain, sizeof(chain), "%s",
	    pem_of(leaf.certificate, authority.certificate, NULL));
	size_t len = strlen(chain);
	for (size_t cut = 1; cut < len; cut++) {
		const char *path = write_bytes("cut", chain, cut);
		int n = count_certificates(path, why, sizeof(why));
		int expected = 0;
		if (cut == first || cut == first - 1)
			expected = 1;
		if (cut == len - 1) /* without the last newline */
			expected = 2;
		if (n != expected)
			fail_msg("cut at %zu of %zu (%zu): %d, %d expected",
			    cut, len, first, n, expected);
	}
}

static void
a_key_that_is_cut_off_is_an_error(void **state)
{
	const char *key = pem_of_key(leaf.key, NULL);
	char why[512];

	(void)state;
	for (size_t cut = 1; cut < strlen(key) - 1; cut++) {
		const char *path = write_bytes("cut", key, cut);
		assert_null(tls_read_key(path, why, sizeof(why)));
		error_queue_is_empty();
	}
}

static void
lines_may_end_as_on_windows(void **state)
{
	const char *pem = pem_of(leaf.certificate, authority.certificate, NULL);
	char text[16384], why[512];
	size_t to = 0;

	(void)state;
	for (const char *from = pem; *from != '\0'; from++) {
		if (*from == '\n')
			text[to++] = '\r';
		text[to++] = *from;
	}
	assert_int_equal(
	    count_certificates(write_bytes("crlf", text, to), why, sizeof(why)),
	    2);
}

/* What an earlier call left in the queue is not this one's error. */
static void
old_errors_are_no_news(void **state)
{
	char why[512];
	const char *path =
	    write_file("good", pem_of(leaf.certificate, NULL, NULL));

	(void)state;
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_BASE64_DECODE);
	assert_int_equal(count_certificates(path, why, sizeof(why)), 1);
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_BASE64_DECODE);
	key_is_refused(
	    path, "has no private key (\"-----BEGIN PRIVATE KEY-----\")");
	ERR_raise(ERR_LIB_PEM, PEM_R_BAD_BASE64_DECODE);
	assert_string_equal(tls_take_error(), "bad base64 decode");
	error_queue_is_empty();
	assert_string_equal(tls_take_error(), "unknown error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_no_file_is_refused_and_waited_for_by_nobody),
		cmocka_unit_test(size_has_bounds),
		cmocka_unit_test(garbage_is_no_certificate_and_no_key),
		cmocka_unit_test(each_kind_is_found_among_others),
		cmocka_unit_test(keys_of_every_kind_are_read),
		cmocka_unit_test(nobody_is_asked_for_a_passphrase),
		cmocka_unit_test(nor_for_one_of_a_certificate),
		cmocka_unit_test(one_spoiled_behind_a_good_one_is_an_error),
		cmocka_unit_test(a_file_that_is_cut_off_is_an_error),
		cmocka_unit_test(a_key_that_is_cut_off_is_an_error),
		cmocka_unit_test(lines_may_end_as_on_windows),
		cmocka_unit_test(old_errors_are_no_news),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
