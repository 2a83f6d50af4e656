/* SPDX-License-Identifier: ISC */
/*
 * Whatever a client sends instead of a handshake: the server answers, asks for
 * more or ends it, and keeps nothing: neither memory nor an error in OpenSSL's
 * queue. The contexts are those that the daemon makes of a configuration.
 *
 * An input is one byte of choices and what the client sends. Those to begin
 * with are written by a client of OpenSSL into the corpus when this starts.
 */
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/tls_server.h"
#include "worker/worker.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed);

static char folder[] = "/tmp/preforkd-fuzz-XXXXXX";
static struct config *config;
static struct tls_ticket_page page;

static void
must(int good)
{
	if (!good) {
		ERR_print_errors_fp(stderr);
		abort();
	}
}

static const char *
in_folder(const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* --- the server ----------------------------------------------------------- */

static void
add_names(X509 *certificate, const char *names)
{
	X509_EXTENSION *extension =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	must(extension != NULL && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

/* NAME, certificate and key in one file. */
static void
write_pair(const char *name, const char *names, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	BIO *file = BIO_new_file(in_folder(name), "w");

	must(certificate != NULL && file != NULL && key != NULL);
	X509_set_version(certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	add_names(certificate, names);
	must(X509_sign(certificate, key, EVP_sha256()) > 0);
	must(PEM_write_bio_X509(file, certificate));
	must(PEM_write_bio_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	BIO_free(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	chmod(in_folder(name), 0600);
}

/* With everything that a client can ask for; that of the second service has to
 * show a certificate. */
static void
write_config(void)
{
	static const char *const services[][2] = {
		{ "one", "optional" },
		{ "two", "required" },
	};
	FILE *file = fopen(in_folder("main.ini"), "w");

	must(file != NULL);
	for (size_t i = 0; i < 2; i++)
		fprintf(file,
		    "[service %s]\nhandler = echo\nlisten = tls+unix:%s.sock\n"
		    "tls_certificate = ec.pem\ntls_key = ec.pem\n"
		    "tls_certificate = rsa.pem\ntls_key = rsa.pem\n"
		    "tls_certificate = wild.pem\ntls_key = wild.pem\n"
		    "tls_alpn = h2, http/1.1\n"
		    "tls_client_ca = ec.pem\ntls_client_verify = %s\n",
		    services[i][0], services[i][0], services[i][1]);
	must(fclose(file) == 0);
}

static void
load_config(void)
{
	struct errors errors;

	errors_init(&errors);
	config = config_load(in_folder("main.ini"), worker_handlers(), &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.messages[i]);
	must(config != NULL);
	/* The same in each run: tickets of an older corpus are good. */
	memset(page.keys, 1, sizeof(page.keys));
	page.rotations = 1;
	for (size_t i = 0; i < config->n_services; i++)
		must(tls_server_set_tickets(config->services[i]->tls, &page));
	errors_clear(&errors);
}

static void
clean_up(void)
{
	config_unref(config);
	unlink(in_folder("main.ini"));
	unlink(in_folder("ec.pem"));
	unlink(in_folder("rsa.pem"));
	unlink(in_folder("wild.pem"));
	rmdir(folder);
}

/* --- one input ------------------------------------------------------------ */

static void
send_some(SSL *ssl, const uint8_t **data, size_t *size, size_t step)
{
	size_t n = *size < step ? *size : step;

	must(BIO_write(SSL_get_rbio(ssl), *data, (int)n) == (int)n);
	*data += n;
	*size -= n;
}

/* As worker/tls.c does: until it wants what is not there, or it has failed. */
static int
goes_on(SSL *ssl)
{
	char bytes[4096];
	size_t n;

	ERR_clear_error();
	int rc = SSL_is_init_finished(ssl)
	    ? SSL_read_ex(ssl, bytes, sizeof(bytes), &n)
	    : SSL_do_handshake(ssl);
	int error = SSL_get_error(ssl, rc);
	ERR_clear_error();
	return rc == 1 || error == SSL_ERROR_WANT_READ;
}

static void
serve(SSL *ssl, const uint8_t *data, size_t size, size_t step)
{
	int good = 1;

	while (size > 0 && good) {
		send_some(ssl, &data, &size, step);
		good = goes_on(ssl);
		/* What came behind the handshake in the same piece. */
		if (good && SSL_is_init_finished(ssl))
			good = goes_on(ssl);
	}
	if (good)
		SSL_shutdown(ssl);
	ERR_clear_error();
}

/* From the choices: which service, and in which pieces it comes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const struct tls_server *server = config->services[data[0] & 1]->tls;
	size_t step = (data[0] & 2) != 0 ? 1U + (data[0] >> 2) : size;
	SSL *ssl = SSL_new(tls_server_context(server));
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	must(ssl != NULL && in != NULL && out != NULL);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	serve(ssl, data + 1, size - 1, step);
	SSL_free(ssl);
	must(ERR_peek_error() == 0);
	return 0;
}

/* --- what clients really send --------------------------------------------- */

/* What a client sends first. */
struct flight {
	const char *name;
	int version;
	char *server_name;
	const char *protocols, *ciphers;
	int resumes;
};

static SSL_SESSION *session;

static int
keep_session(SSL *ssl, SSL_SESSION *new)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = new;
	return 1;
}

static void
write_flight(const char *seeds, const char *name, SSL *client)
{
	char path[PATH_MAX + 64], *bytes;
	BIO *out = SSL_get_wbio(client);
	long len = BIO_get_mem_data(out, &bytes);

	for (int choices = 0; choices < 2; choices++) {
		snprintf(path, sizeof(path), "%s/%s-%d", seeds, name, choices);
		FILE *file = fopen(path, "w");
		must(file != NULL && fputc(choices, file) != EOF &&
		    fwrite(bytes, 1, (size_t)len, file) == (size_t)len &&
		    fclose(file) == 0);
	}
}

static SSL *
new_client(SSL_CTX *context, const struct flight *flight)
{
	SSL *client = SSL_new(context);

	must(client != NULL);
	SSL_set_max_proto_version(client, flight->version);
	must(SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME,
		 TLSEXT_NAMETYPE_host_name, flight->server_name) == 1);
	if (flight->protocols != NULL)
		(void)SSL_set_alpn_protos(client,
		    (const unsigned char *)flight->protocols,
		    (unsigned)strlen(flight->protocols));
	if (flight->ciphers != NULL)
		must(SSL_set_cipher_list(client, flight->ciphers));
	if (flight->resumes)
		must(session != NULL && SSL_set_session(client, session));
	SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(client), -1);
	SSL_set_connect_state(client);
	return client;
}

/* Bytes from one to the other. */
static void
carry(SSL *from, SSL *to)
{
	char *bytes;
	long len = BIO_get_mem_data(SSL_get_wbio(from), &bytes);

	if (len > 0)
		must(BIO_write(SSL_get_rbio(to), bytes, (int)len) == len);
	(void)BIO_reset(SSL_get_wbio(from));
}

/* Also makes the ticket that the next flight resumes with. */
static void
record(SSL_CTX *context, const struct flight *flight, const char *seeds)
{
	SSL *client = new_client(context, flight);
	SSL *server = SSL_new(tls_server_context(config->services[0]->tls));
	char bytes[16];

	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(server), -1);
	SSL_set_accept_state(server);
	SSL_do_handshake(client);
	write_flight(seeds, flight->name, client);
	for (int i = 0; i < 4; i++) {
		carry(client, server);
		SSL_do_handshake(server);
		carry(server, client);
		SSL_do_handshake(client);
	}
	must(SSL_is_init_finished(client) &&
	    SSL_session_reused(server) == flight->resumes);
	SSL_read(client, bytes, sizeof(bytes));
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
}

static void
write_seeds(const char *seeds)
{
	static char exact[] = "a.test", wild[] = "x.wild.test";
	static const struct flight flights[] = {
		{ "tls12", TLS1_2_VERSION, exact, NULL, NULL, 0 },
		{ "tls12-resumed", TLS1_2_VERSION, exact, NULL, NULL, 1 },
		{ "tls12-rsa", TLS1_2_VERSION, wild, "\x02h2",
		    "ECDHE-RSA-AES128-GCM-SHA256", 0 },
		{ "tls13", TLS1_3_VERSION, exact, "\x02h2\x08http/1.1", NULL,
		    0 },
		{ "tls13-resumed", TLS1_3_VERSION, exact, "\x08http/1.1", NULL,
		    1 },
	};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	must(context != NULL);
	SSL_CTX_set_session_cache_mode(
	    context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	for (size_t i = 0; i < sizeof(flights) / sizeof(flights[0]); i++)
		record(context, &flights[i], seeds);
	SSL_SESSION_free(session);
	SSL_CTX_free(context);
}

/* The corpus is the first folder that is named. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct stat st;

	must(mkdtemp(folder) != NULL);
	atexit(clean_up);
	write_pair("ec.pem", "DNS:a.test", EVP_EC_gen("P-256"));
	write_pair("rsa.pem", "DNS:a.test", EVP_RSA_gen(2048));
	write_pair("wild.pem", "DNS:*.wild.test", EVP_RSA_gen(2048));
	write_config();
	load_config();
	for (int i = 1; i < *argc; i++) {
		if (stat((*argv)[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			write_seeds((*argv)[i]);
			break;
		}
	}
	return 0;
}

/* Lengths of the record and of the ClientHello in it are put right most of the
 * time, or little of what is changed behind them would be looked at. */
size_t
LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	const size_t head = 1 + 5 + 4; /* choices, record, handshake */

	size = LLVMFuzzerMutate(data, size, max_size);
	if (size <= head || seed % 4 == 0)
		return size;
	size_t record = size - 6 < 16384 ? size - 6 : 16384;
	memcpy(data + 1, "\x16\x03\x01", 3);
	data[4] = (uint8_t)(record >> 8);
	data[5] = (uint8_t)record;
	data[6] = 1;
	data[7] = 0;
	data[8] = (uint8_t)((record - 4) >> 8);
	data[9] = (uint8_t)(record - 4);
	return size;
}
