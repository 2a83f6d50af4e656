/* SPDX-License-Identifier: ISC */
/*
 * Encrypts and decrypts session tickets with the keys of a page that the
 * supervisor rotates. The work itself is OpenSSL's: it asks for key, cipher and
 * MAC (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <string.h>

#include "common/tls_tickets.h"

/* Where a context keeps its page. */
static int page_index = -1;

static const struct tls_ticket_key *
key_at(const struct tls_ticket_page *page, uint64_t rotation)
{
	return &page->keys[rotation % TLS_TICKET_KEYS];
}

bool
tls_tickets_rotate(struct tls_ticket_page *page)
{
	struct tls_ticket_key key;
	uint64_t next = page->rotations + 1;

	if (RAND_priv_bytes((unsigned char *)&key, sizeof(key)) != 1)
		return false;
	page->keys[next % TLS_TICKET_KEYS] = key;
	OPENSSL_cleanse(&key, sizeof(key));
	__atomic_store_n(&page->rotations, next, __ATOMIC_RELEASE);
	return true;
}

static bool
set_key(const struct tls_ticket_key *key, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
		    (void *)(uintptr_t)key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1 &&
	    EVP_CipherInit_ex(
		cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypt) == 1;
}

/* Returns 1 done, 2 done and the client shall get a new ticket, 0 no ticket, or
 * not one of ours, -1 failed: the handshake ends. */
static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	const struct tls_ticket_page *page =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), page_index);
	uint64_t now = __atomic_load_n(&page->rotations, __ATOMIC_ACQUIRE);
	struct tls_ticket_key key = *key_at(page, now);
	int answer = 1;

	if (now == 0)
		return 0;
	if (encrypt) {
		memcpy(name, key.name, sizeof(key.name));
		if (RAND_bytes(
			iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			answer = -1;
	} else if (memcmp(name, key.name, sizeof(key.name)) != 0) {
		key = *key_at(page, now - 1);
		answer =
		    now > 1 && memcmp(name, key.name, sizeof(key.name)) == 0
		    ? 2
		    : 0;
	} else if (SSL_version(ssl) == TLS1_3_VERSION) {
		/* There a client shows a ticket once (RFC 8446, C.4): it would
		 * come without one the next time. */
		answer = 2;
	}
	if (answer > 0 && !set_key(&key, iv, cipher, mac, encrypt))
		answer = -1;
	OPENSSL_cleanse(&key, sizeof(key));
	return answer;
}

/* A session has its client's certificate inside, which is not looked at again:
 * it must not be good for longer than that. */
static SSL_TICKET_RETURN
believe(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
    size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl;
	(void)name;
	(void)name_len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	const X509 *client = SSL_SESSION_get0_peer(session);
	if (client != NULL &&
	    X509_cmp_current_time(X509_get0_notAfter(client)) <= 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
					    : SSL_TICKET_RETURN_USE_RENEW;
}

bool
tls_tickets_use(SSL_CTX *context, const struct tls_ticket_page *page)
{
	if (page_index == -1)
		page_index =
		    SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return page_index != -1 &&
	    SSL_CTX_set_ex_data(context, page_index, (void *)(uintptr_t)page) ==
	    1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key) == 1 &&
	    SSL_CTX_set_session_ticket_cb(context, NULL, believe, NULL) == 1;
}
