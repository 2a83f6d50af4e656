/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

/*
 * Certificates for a test, made in it. Include after cmocka.h.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <string.h>
#include <time.h>

struct made {
	X509 *certificate;
	EVP_PKEY *key;
};

/* What is not said is not there, P-256, by itself, from yesterday on for 100
 * days. */
struct wish {
	const char *subject; /* common name */
	size_t subject_len;  /* of one with NULs */
	const char *names;   /* "DNS:a,IP:b" */
	const void *raw;     /* one more DNS name, of any bytes */
	size_t raw_len;
	const char *key;     /* "P-256", "P-384", "ED25519", "RSA" */
	unsigned bits;	     /* of RSA */
	int64_t from, until; /* seconds from now */
	const struct made *issuer;
	bool authority;
};

#define DAY_S (int64_t)86400

static inline EVP_PKEY *
make_key(const char *kind, unsigned bits)
{
	EVP_PKEY *key;

	if (kind == NULL)
		kind = "P-256";
	if (strcmp(kind, "RSA") == 0)
		key = EVP_RSA_gen(bits == 0 ? 2048 : bits);
	else if (strcmp(kind, "ED25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	else
		key = EVP_EC_gen(kind);
	assert_non_null(key);
	return key;
}

static inline void
add_extension(
    X509 *certificate, const struct made *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(
	    &context, issuer->certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension =
	    X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline void
add_raw_name(X509 *certificate, const void *bytes, size_t len)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	if (names == NULL)
		names = sk_GENERAL_NAME_new_null();
	assert_int_equal(ASN1_STRING_set(string, bytes, (int)len), 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, string);
	assert_true(sk_GENERAL_NAME_push(names, name) > 0);
	assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name,
			     names, 0, X509V3_ADD_REPLACE),
	    1);
	GENERAL_NAMES_free(names);
}

static inline void
set_times(X509 *certificate, const struct wish *wish)
{
	int64_t now = (int64_t)time(NULL);
	bool said = wish->from != 0 || wish->until != 0;

	ASN1_TIME_set(X509_getm_notBefore(certificate),
	    now + (said ? wish->from : -DAY_S));
	ASN1_TIME_set(X509_getm_notAfter(certificate),
	    now + (said ? wish->until : 100 * DAY_S));
}

static inline void
set_names(struct made *made, const struct wish *wish)
{
	X509 *certificate = made->certificate;
	const struct made *issuer = wish->issuer == NULL ? made : wish->issuer;
	X509_NAME *subject = X509_get_subject_name(certificate);
	int len = wish->subject_len == 0 ? -1 : (int)wish->subject_len;

	if (wish->subject != NULL)
		assert_int_equal(
		    X509_NAME_add_entry_by_NID(subject, NID_commonName,
			MBSTRING_UTF8, (const unsigned char *)wish->subject,
			len, -1, 0),
		    1);
	X509_set_issuer_name(
	    certificate, X509_get_subject_name(issuer->certificate));
	if (wish->authority)
		add_extension(certificate, issuer, NID_basic_constraints,
		    "critical,CA:TRUE");
	if (wish->names != NULL)
		add_extension(
		    certificate, issuer, NID_subject_alt_name, wish->names);
	if (wish->raw != NULL)
		add_raw_name(certificate, wish->raw, wish->raw_len);
}

static inline void
sign(struct made *made, const struct made *issuer)
{
	const EVP_MD *digest =
	    EVP_PKEY_get_base_id(issuer->key) == EVP_PKEY_ED25519
	    ? NULL
	    : EVP_sha256();

	assert_true(X509_sign(made->certificate, issuer->key, digest) > 0);
}

static inline struct made
make_certificate(struct wish wish)
{
	static long serial;
	struct made made = { X509_new(), make_key(wish.key, wish.bits) };

	assert_non_null(made.certificate);
	X509_set_version(made.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), ++serial);
	X509_set_pubkey(made.certificate, made.key);
	set_times(made.certificate, &wish);
	set_names(&made, &wish);
	sign(&made, wish.issuer == NULL ? &made : wish.issuer);
	return made;
}

static inline void
made_free(struct made made)
{
	X509_free(made.certificate);
	EVP_PKEY_free(made.key);
}

/* PEM of up to three certificates, one after the other; NULL ends them. */
static inline const char *
pem_of(X509 *first, X509 *second, X509 *third)
{
	static char texts[4][16384];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	X509 *all[] = { first, second, third, NULL };
	BIO *bio = BIO_new(BIO_s_mem());

	for (int i = 0; all[i] != NULL; i++)
		assert_int_equal(PEM_write_bio_X509(bio, all[i]), 1);
	int len = BIO_read(bio, text, sizeof(texts[0]) - 1);
	text[len < 0 ? 0 : len] = '\0';
	BIO_free(bio);
	return text;
}

/* PEM of a key, under PASSPHRASE if there is one. */
static inline const char *
pem_of_key(EVP_PKEY *key, const char *passphrase)
{
	static char texts[4][8192];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher =
	    passphrase == NULL ? NULL : EVP_aes_256_cbc();

	assert_int_equal(
	    PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase,
		passphrase == NULL ? 0 : (int)strlen(passphrase), NULL, NULL),
	    1);
	int len = BIO_read(bio, text, sizeof(texts[0]) - 1);
	text[len < 0 ? 0 : len] = '\0';
	BIO_free(bio);
	return text;
}

static inline void
error_queue_is_empty(void)
{
	unsigned long error = ERR_peek_error();

	if (error != 0)
		fail_msg("left in OpenSSL's queue: %s",
		    ERR_reason_error_string(error));
}

#endif
