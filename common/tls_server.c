/* SPDX-License-Identifier: ISC */
/*
 * From the settings of a service to what it speaks TLS with. Everything that
 * can be wrong with them is found here, while the configuration is read;
 * workers only use what came out of it.
 */
#include <sys/mman.h>
#include <sys/queue.h>

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/tls_check.h"
#include "common/tls_files.h"
#include "common/tls_making.h"
#include "common/tls_warm.h"

static LIST_HEAD(, tls_server) servers = LIST_HEAD_INITIALIZER(servers);

void
tls_complain(const struct tls_making *making, const char *setting,
    const char *value, const char *why)
{
	struct config_place place = config_place_of(
	    making->config, SECTION_SERVICE, making->service->name, setting);

	errors_add(making->errors, place.file, place.line, "\"%s = %s\" %s",
	    setting, value, why);
}

static void
complain_of_file(const struct tls_making *making, const char *setting,
    const struct path_list *list, size_t i, const char *why)
{
	errors_add(making->errors, list->places[i].file, list->places[i].line,
	    "%s: \"%s\" %s", setting, list->items[i], why);
}

void
tls_no_memory(const struct tls_making *making)
{
	ERR_clear_error();
	errors_add(making->errors, NULL, 0, "out of memory");
}

/* --- certificates --------------------------------------------------------- */

static bool
digest_certificates(EVP_MD_CTX *digest, STACK_OF(X509) * all)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(sk_X509_value(all, i), &der);
		bool good =
		    len > 0 && EVP_DigestUpdate(digest, der, (size_t)len) == 1;
		OPENSSL_free(der);
		if (!good)
			return false;
	}
	return true;
}

/* For statistics. The file is only good for as long as all in it are. */
static bool
remember(const struct tls_making *making, size_t i, STACK_OF(X509) * chain)
{
	struct tls_certificate *into =
	    &making->server->certificates[making->server->n_certificates];

	into->file = making->service->tls_certificate.items[i];
	into->name = tls_names_title(sk_X509_value(chain, 0));
	into->not_before =
	    tls_seconds(X509_get0_notBefore(sk_X509_value(chain, 0)));
	into->not_after = INT64_MAX;
	for (int c = 0; c < sk_X509_num(chain); c++) {
		int64_t end =
		    tls_seconds(X509_get0_notAfter(sk_X509_value(chain, c)));
		if (end < into->not_after)
			into->not_after = end;
	}
	if (into->name == NULL)
		return false;
	making->server->n_certificates++;
	tls_check_dates(into->file, into->name, into->not_before,
	    into->not_after, (int64_t)time(NULL),
	    &making->service->tls_certificate.places[i], making->warnings);
	return true;
}

static void
use_pair(const struct tls_making *making, size_t i, STACK_OF(X509) * chain,
    EVP_PKEY *key)
{
	const struct path_list *files = &making->service->tls_certificate;
	X509 *first = sk_X509_value(chain, 0);
	char why[512];

	/* First: where it is wrong, the key is likely that of another one. */
	if (!tls_check_chain(chain, why, sizeof(why))) {
		complain_of_file(making, "tls_certificate", files, i, why);
		return;
	}
	if (X509_check_private_key(first, key) != 1) {
		ERR_clear_error();
		snprintf(why, sizeof(why),
		    "does not belong to the certificate in \"%s\"",
		    files->items[i]);
		complain_of_file(
		    making, "tls_key", &making->service->tls_key, i, why);
		return;
	}
	SSL_CTX *ssl = tls_context_for(making, first);
	if (ssl == NULL)
		return;
	STACK_OF(X509) *issuers = sk_X509_dup(chain);
	(void)sk_X509_shift(issuers);
	if (SSL_CTX_use_cert_and_key(ssl, first, key, issuers, 0) != 1) {
		snprintf(
		    why, sizeof(why), "cannot be used: %s", tls_take_error());
		complain_of_file(making, "tls_certificate", files, i, why);
	} else if (!digest_certificates(making->digest, chain) ||
	    !remember(making, i, chain))
		tls_no_memory(making);
	sk_X509_free(issuers);
}

/* Both files are read, so that one pass tells what is wrong with either. */
static void
add_pair(const struct tls_making *making, size_t i)
{
	const struct service_config *service = making->service;
	const struct pool_config *pool = service->pool_config;
	const char *user = making->config->daemon.user;
	char why[512];

	STACK_OF(X509) *chain = tls_read_certificates(
	    service->tls_certificate.items[i], why, sizeof(why));
	if (chain == NULL)
		complain_of_file(making, "tls_certificate",
		    &service->tls_certificate, i, why);
	EVP_PKEY *key =
	    tls_read_key(service->tls_key.items[i], why, sizeof(why));
	if (key == NULL)
		complain_of_file(making, "tls_key", &service->tls_key, i, why);
	if (pool != NULL && *pool->user != '\0')
		user = pool->user;
	if (key != NULL)
		tls_check_key_file(service->tls_key.items[i], user,
		    &service->tls_key.places[i], making->warnings);
	if (chain != NULL && key != NULL)
		use_pair(making, i, chain, key);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
}

/* --- the rest of the settings --------------------------------------------- */

static bool
parse_alpn(const struct tls_making *making)
{
	struct tls_server *server = making->server;
	char *copy = strdup(making->service->tls_alpn), *rest = copy, *word;
	bool good = copy != NULL;

	while (good && *copy != '\0' && (word = strsep(&rest, ",")) != NULL) {
		word += strspn(word, " \t");
		size_t len = strcspn(word, " \t");
		if (word[len + strspn(word + len, " \t")] != '\0')
			len = 0; /* a blank inside */
		good = len > 0 && len < 256 &&
		    server->alpn_len + len < sizeof(server->alpn);
		if (!good)
			break;
		server->alpn[server->alpn_len++] = (unsigned char)len;
		memcpy(server->alpn + server->alpn_len, word, len);
		server->alpn_len += (unsigned)len;
	}
	free(copy);
	if (!good)
		tls_complain(making, "tls_alpn", making->service->tls_alpn,
		    "is not a list of protocols such as h2, http/1.1; allowed "
		    "are names of 1 to 255 bytes without blanks, with commas");
	return good;
}

static bool
read_client_ca(struct tls_making *making)
{
	const struct service_config *service = making->service;
	char why[512], whole[640];

	if (*service->tls_client_ca == '\0') {
		if (service->tls_client_verify == TLS_VERIFY_OFF)
			return true;
		tls_complain(making, "tls_client_verify",
		    service->tls_client_verify == TLS_VERIFY_REQUIRED
			? "required"
			: "optional",
		    "needs tls_client_ca, the issuers that are believed");
		return false;
	}
	making->client_ca =
	    tls_read_certificates(service->tls_client_ca, why, sizeof(why));
	if (making->client_ca != NULL)
		return true;
	snprintf(whole, sizeof(whole), "is wrong: the file %s", why);
	tls_complain(making, "tls_client_ca", service->tls_client_ca, whole);
	return false;
}

/* What a session ticket stands for: this service, and who may be its client. */
static bool
digest_trust(struct tls_making *making)
{
	const struct service_config *service = making->service;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool good = digest != NULL &&
	    EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(
		digest, service->name, strlen(service->name) + 1) == 1 &&
	    EVP_DigestUpdate(digest, &service->tls_client_verify,
		sizeof(service->tls_client_verify)) == 1 &&
	    (making->client_ca == NULL ||
		digest_certificates(digest, making->client_ca)) &&
	    EVP_DigestFinal_ex(digest, making->trust, &making->trust_len) ==
		1 &&
	    EVP_DigestInit_ex(making->digest, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(
		making->digest, making->trust, making->trust_len) == 1;

	EVP_MD_CTX_free(digest);
	if (!good)
		tls_no_memory(making);
	return good;
}

static bool
finish_digest(const struct tls_making *making)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	char *into = making->server->fingerprint;

	if (EVP_DigestFinal_ex(making->digest, digest, &len) != 1)
		return false;
	for (unsigned i = 0; i < len; i++)
		snprintf(into + 2 * i, 3, "%02x", digest[i]);
	return true;
}

/* --- the whole ------------------------------------------------------------ */

static bool
pairs_are_whole(const struct tls_making *making)
{
	const struct path_list *certificates =
	    &making->service->tls_certificate;
	const struct path_list *keys = &making->service->tls_key;
	const struct path_list *more = certificates;

	if (certificates->n == keys->n && keys->n > 0)
		return true;
	if (certificates->n == 0 && keys->n == 0) {
		errors_add(making->errors, making->service->place.file,
		    making->service->place.line,
		    "[service %s] speaks TLS and has no \"tls_certificate\" "
		    "and \"tls_key\", which are needed",
		    making->service->name);
		return false;
	}
	if (keys->n > certificates->n)
		more = keys;
	errors_add(making->errors, more->places[more->n - 1].file,
	    more->places[more->n - 1].line,
	    "there are %zu \"tls_certificate\" and %zu \"tls_key\" in "
	    "[service %s]; each certificate needs its key, in the same order",
	    certificates->n, keys->n, making->service->name);
	return false;
}

static void
make(struct tls_making *making)
{
	const struct service_config *service = making->service;
	struct tls_server *server = making->server;
	bool good = pairs_are_whole(making);

	making->algorithms_are_good = tls_check_algorithms(making);
	good = parse_alpn(making) && good;
	if (!read_client_ca(making) || !digest_trust(making) || !good)
		return;
	server->certificates =
	    calloc(service->tls_certificate.n, sizeof(*server->certificates));
	if (server->certificates == NULL) {
		tls_no_memory(making);
		return;
	}
	for (size_t i = 0; i < service->tls_certificate.n; i++)
		add_pair(making, i);
	if (!finish_digest(making))
		tls_no_memory(making);
}

struct tls_server *
tls_server_new(const struct config *config,
    const struct service_config *service, struct errors *errors,
    struct errors *warnings)
{
	struct tls_making making = {
		.config = config,
		.service = service,
		.errors = errors,
		.warnings = warnings,
		.server = calloc(1, sizeof(*making.server)),
		.digest = EVP_MD_CTX_new(),
	};
	size_t before = errors->n;

	if (making.server != NULL)
		LIST_INSERT_HEAD(&servers, making.server, entry);
	if (making.server == NULL || making.digest == NULL)
		tls_no_memory(&making);
	else
		make(&making);
	EVP_MD_CTX_free(making.digest);
	sk_X509_pop_free(making.client_ca, X509_free);
	if (errors->n == before && !errors->lost) {
		tls_warm_up(tls_server_context(making.server));
		return making.server;
	}
	tls_server_free(making.server);
	return NULL;
}

void
tls_server_free(struct tls_server *server)
{
	if (server == NULL)
		return;
	LIST_REMOVE(server, entry);
	for (size_t i = 0; i < server->n_contexts; i++) {
		SSL_CTX_free(server->contexts[i].ssl);
		tls_names_clear(&server->contexts[i].names);
	}
	for (size_t i = 0; i < server->n_certificates; i++)
		free((char *)(uintptr_t)server->certificates[i].name);
	free(server->contexts);
	free(server->certificates);
	free(server);
}

void
tls_server_keep(struct tls_server *server)
{
	server->kept = true;
}

/* A page is one service's in all configurations that have it. */
static bool
page_is_kept(const struct tls_ticket_page *page)
{
	const struct tls_server *server;

	LIST_FOREACH (server, &servers, entry) {
		if (server->kept && server->tickets == page)
			return true;
	}
	return false;
}

/* It may be that of several. */
static void
unmap_page(const struct tls_ticket_page *page)
{
	struct tls_server *server;

	LIST_FOREACH (server, &servers, entry) {
		if (server->tickets == page)
			server->tickets = NULL;
	}
	munmap((void *)(uintptr_t)page, sizeof(*page));
}

void
tls_server_forget_others(void)
{
	struct tls_server *server, *next;

	LIST_FOREACH_SAFE (server, &servers, entry, next) {
		if (server->kept)
			continue;
		if (server->tickets != NULL && !page_is_kept(server->tickets))
			unmap_page(server->tickets);
		tls_server_free(server);
	}
}

bool
tls_server_equal(const struct tls_server *a, const struct tls_server *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->fingerprint, b->fingerprint) == 0;
}

const char *
tls_server_fingerprint(const struct tls_server *server)
{
	return server->fingerprint;
}

bool
tls_server_set_tickets(
    struct tls_server *server, const struct tls_ticket_page *page)
{
	server->tickets = page;
	for (size_t i = 0; i < server->n_contexts; i++) {
		if (!tls_tickets_use(server->contexts[i].ssl, page))
			return false;
	}
	return true;
}

SSL_CTX *
tls_server_context(const struct tls_server *server)
{
	return server->contexts[0].ssl;
}

size_t
tls_server_count(const struct tls_server *server)
{
	return server->n_certificates;
}

const struct tls_certificate *
tls_server_certificate(const struct tls_server *server, size_t i)
{
	return &server->certificates[i];
}
