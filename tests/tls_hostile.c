/* SPDX-License-Identifier: ISC */
/*
 * A client of TLS that, once the handshake is over, writes its records itself:
 * as many as it likes of a kind that no library would send. The keys come from
 * OpenSSL by way of its key log (SSL_CTX_set_keylog_callback(3)).
 *
 * usage: tls_hostile PORT|/PATH 1.2|1.3 STEP...
 *
 *	KIND=N	sends N records of a kind; the whole is made before the first
 *		is sent, and each such step tells how long sending took
 *	stuff KIND=N	the same, until nothing has been taken for a second
 *	half	at once a byte and the first half of a record
 *	raw=N	N bytes that are no record
 *	fin	shuts its side of the connection down
 *	read	reads until the end or an error, and tells how many bytes came
 *	data	the same, by OpenSSL, and tells whether close_notify came
 *	hold	waits for its end
 *	reset	closes by a reset
 *
 * Kinds: byte (one byte of data), kilo (1,024), full (16,384), empty, update
 * (KeyUpdate), ask (KeyUpdate that wants one back), hello (the begin of another
 * handshake), part (the first byte of a message that goes no further), alert
 * (a warning), ccs (ChangeCipherSpec), notify (close_notify).
 *
 * And what is not one record: mixed, a hundred of "ask" and a byte; dotted, two
 * hundred of "update" and a byte; brimful, a buffer full of "update" and the
 * begin of one more.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_BYTES  16
#define IV_BYTES   12
#define HASH_BYTES 32
#define TAG_BYTES  16
#define STALL_MS   1000

#define BUFFER_BYTES 16709 /* of OpenSSL 3.0, for records that come */

enum content { CHANGE_CIPHER_SPEC = 20, ALERT, HANDSHAKE, APPLICATION_DATA };

static const struct kind {
	const char *name;
	enum content content;
	size_t len;
	const char *bytes; /* NULL: "x" */
} kinds[] = {
	{ "byte", APPLICATION_DATA, 1, NULL },
	{ "kilo", APPLICATION_DATA, 1024, NULL },
	{ "full", APPLICATION_DATA, 16384, NULL },
	{ "empty", APPLICATION_DATA, 0, NULL },
	{ "update", HANDSHAKE, 5, "\030\0\0\1\0" },
	{ "ask", HANDSHAKE, 5, "\030\0\0\1\1" },
	{ "hello", HANDSHAKE, 4, "\1\0\0\0" },
	{ "part", HANDSHAKE, 1, "\1" },
	{ "alert", ALERT, 2, "\1\132" }, /* user_canceled */
	{ "ccs", CHANGE_CIPHER_SPEC, 1, "\1" },
	{ "notify", ALERT, 2, "\1\0" },
};

static struct {
	int fd;
	bool is_13;
	SSL *ssl;
	unsigned char secret[48]; /* of the master, or of our traffic */
	unsigned char key[KEY_BYTES], iv[IV_BYTES];
	uint64_t sequence;
	unsigned char *out;
	size_t len, size;
} client;

/* --- keys ---------------------------------------------------------------- */

static void
derive(
    const char *kdf_name, OSSL_PARAM *params, unsigned char *into, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	if (ctx == NULL || EVP_KDF_derive(ctx, into, len, params) != 1)
		errx(1, "cannot derive keys");
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static OSSL_PARAM
text(const char *name, const char *value)
{
	return OSSL_PARAM_construct_utf8_string(
	    name, (char *)(uintptr_t)value, 0);
}

static OSSL_PARAM
octets(const char *name, const void *value, size_t len)
{
	return OSSL_PARAM_construct_octet_string(
	    name, (void *)(uintptr_t)value, len);
}

/* RFC 8446, 7.1 */
static void
expand(const char *label, unsigned char *into, size_t len)
{
	unsigned char info[64];
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	size_t n = (size_t)snprintf(
	    (char *)info + 3, sizeof(info) - 4, "tls13 %s", label);
	OSSL_PARAM params[] = { text(OSSL_KDF_PARAM_DIGEST, "SHA256"),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		octets(OSSL_KDF_PARAM_KEY, client.secret, HASH_BYTES),
		octets(OSSL_KDF_PARAM_INFO, info, n + 4),
		OSSL_PARAM_construct_end() };

	info[0] = 0;
	info[1] = (unsigned char)len;
	info[2] = (unsigned char)n;
	info[n + 3] = 0;
	derive("HKDF", params, into, len);
}

static void
take_traffic_keys(void)
{
	expand("key", client.key, KEY_BYTES);
	expand("iv", client.iv, IV_BYTES);
	client.sequence = 0;
}

static void
next_traffic_keys(void)
{
	unsigned char next[HASH_BYTES];

	expand("traffic upd", next, sizeof(next));
	memcpy(client.secret, next, sizeof(next));
	take_traffic_keys();
}

/* RFC 5246, 6.3 */
static void
take_key_block(void)
{
	unsigned char seed[13 + 64] = "key expansion", block[40];
	OSSL_PARAM params[] = { text(OSSL_KDF_PARAM_DIGEST, "SHA256"),
		octets(OSSL_KDF_PARAM_SECRET, client.secret, 48),
		octets(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
		OSSL_PARAM_construct_end() };

	SSL_get_server_random(client.ssl, seed + 13, 32);
	SSL_get_client_random(client.ssl, seed + 45, 32);
	derive("TLS1-PRF", params, block, sizeof(block));
	memcpy(client.key, block, KEY_BYTES);
	memcpy(client.iv, block + 32, 4);
	client.sequence = 1; /* behind Finished */
}

/* LABEL RANDOM SECRET, the last two in hexadecimal */
static void
keep_secret(const SSL *ssl, const char *line)
{
	const char *label =
	    client.is_13 ? "CLIENT_TRAFFIC_SECRET_0 " : "CLIENT_RANDOM ";
	const char *digits = strrchr(line, ' ');

	(void)ssl;
	if (strncmp(line, label, strlen(label)) != 0)
		return;
	for (size_t i = 0; i < sizeof(client.secret); i++) {
		if (sscanf(digits + 1 + 2 * i, "%2hhx", &client.secret[i]) != 1)
			break;
	}
}

/* --- records ---------------------------------------------------------------
 */

static unsigned char *
room(size_t len)
{
	if (client.len + len > client.size) {
		client.size = 2 * (client.len + len);
		client.out = realloc(client.out, client.size);
		if (client.out == NULL)
			err(1, "realloc");
	}
	client.len += len;
	return client.out + client.len - len;
}

static void
seal(const unsigned char *nonce, const unsigned char *associated,
    size_t n_associated, const unsigned char *data, size_t len,
    unsigned char *into)
{
	static EVP_CIPHER_CTX *ctx;
	int n;

	if (ctx == NULL)
		ctx = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, client.key, nonce);
	EVP_EncryptUpdate(ctx, NULL, &n, associated, (int)n_associated);
	EVP_EncryptUpdate(ctx, into, &n, data, (int)len);
	EVP_EncryptFinal_ex(ctx, into + len, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, into + len);
}

static void
put_number(unsigned char *at, uint64_t number, size_t len)
{
	while (len-- > 0) {
		at[len] = (unsigned char)number;
		number >>= 8;
	}
}

static void
put_head(unsigned char *at, enum content content, size_t len)
{
	at[0] = (unsigned char)content;
	put_number(at + 1, 0x0303, 2);
	put_number(at + 3, len, 2);
}

/* With N_ZEROS behind what it says it has (RFC 8446, 5.4). */
static void
add_record_13(
    enum content content, const unsigned char *data, size_t len, size_t n_zeros)
{
	unsigned char plain[16385] = { 0 }, nonce[IV_BYTES], number[8];
	size_t sealed = len + 1 + n_zeros + TAG_BYTES;
	unsigned char *at = room(5 + sealed);

	memcpy(plain, data, len);
	plain[len] = (unsigned char)content;
	memcpy(nonce, client.iv, sizeof(nonce));
	put_number(number, client.sequence++, sizeof(number));
	for (size_t i = 0; i < sizeof(number); i++)
		nonce[4 + i] ^= number[i];
	put_head(at, APPLICATION_DATA, sealed);
	seal(nonce, at, 5, plain, len + 1 + n_zeros, at + 5);
}

static void
add_record_12(enum content content, const unsigned char *data, size_t len)
{
	unsigned char nonce[IV_BYTES], associated[13];
	size_t sealed = 8 + len + TAG_BYTES;
	unsigned char *at = room(5 + sealed);

	put_number(associated, client.sequence, 8);
	put_head(associated + 8, content, len);
	put_head(at, content, sealed);
	put_number(at + 5, client.sequence++, 8);
	memcpy(nonce, client.iv, 4);
	memcpy(nonce + 4, at + 5, 8);
	seal(nonce, associated, sizeof(associated), data, len, at + 13);
}

static void
add_record(const struct kind *kind)
{
	unsigned char data[16384];

	if (kind->bytes == NULL)
		memset(data, 'x', sizeof(data));
	else
		memcpy(data, kind->bytes, kind->len);
	if (client.is_13 && kind->content == CHANGE_CIPHER_SPEC) {
		unsigned char *at = room(5 + kind->len);
		put_head(at, kind->content, kind->len);
		memcpy(at + 5, data, kind->len);
	} else if (client.is_13)
		add_record_13(kind->content, data, kind->len, 0);
	else
		add_record_12(kind->content, data, kind->len);
	if (data[0] == 030)
		next_traffic_keys();
}

/* --- steps -----------------------------------------------------------------
 */

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool
can_write(int timeout_ms)
{
	struct pollfd pollfd = { .fd = client.fd, .events = POLLOUT };

	return poll(&pollfd, 1, timeout_ms) == 1;
}

/* Sends what has been made; what the peer does not want stays unsent. */
static void
send_all(bool until_stalled)
{
	long begin = now_ms();
	size_t sent = 0;

	while (sent < client.len) {
		if (!can_write(until_stalled ? STALL_MS : -1))
			break;
		ssize_t n = send(client.fd, client.out + sent,
		    client.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN)
			continue;
		if (n == -1) {
			printf("%s\n", strerrorname_np(errno));
			break;
		}
		sent += (size_t)n;
	}
	printf("sent %zu of %zu bytes in %ld ms\n", sent, client.len,
	    now_ms() - begin);
	client.len = 0;
}

static void
add_mixed(void)
{
	for (int i = 0; i < 100; i++)
		add_record(&kinds[5]);
	add_record(&kinds[0]);
}

static void
add_dotted(void)
{
	for (int i = 0; i < 200; i++)
		add_record(&kinds[4]);
	add_record(&kinds[0]);
}

/* As many changes of keys as fit into the buffer that OpenSSL reads into, but
 * for two bytes: those are the begin of a record of which nothing can be said
 * before there is more. */
static void
add_brimful(void)
{
	size_t end = client.len + BUFFER_BYTES - 2;

	while (client.len + 2 * 27 <= end)
		add_record(&kinds[4]);
	add_record_13(kinds[4].content, (const unsigned char *)kinds[4].bytes,
	    kinds[4].len, end - client.len - 27);
	next_traffic_keys();
}

static void
send_records(const char *name, bool until_stalled)
{
	const char *number = strchr(name, '=');
	long n = number == NULL ? 1 : atol(number + 1);
	size_t len = strcspn(name, "=");

	while (strncmp(name, "mixed=", 6) == 0 && n-- > 0)
		add_mixed();
	while (strncmp(name, "dotted=", 7) == 0 && n-- > 0)
		add_dotted();
	while (strncmp(name, "brimful=", 8) == 0 && n-- > 0)
		add_brimful();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strncmp(kinds[i].name, name, len) != 0 ||
		    kinds[i].name[len] != '\0')
			continue;
		while (n-- > 0)
			add_record(&kinds[i]);
	}
	if (client.len == 0)
		errx(1, "no kind \"%s\"", name);
	send_all(until_stalled);
}

static void
read_all(void)
{
	static char data[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(client.fd, data, sizeof(data), 0)) > 0)
		total += (size_t)n;
	printf("read %zu bytes, then %s\n", total,
	    n == 0 ? "the end" : strerrorname_np(errno));
}

/* By OpenSSL, which still has the keys of that direction. */
static void
read_data(void)
{
	static char data[65536];
	size_t total = 0;
	int n;

	usleep(20000); /* for the other side to have all its buffers full */
	while ((n = SSL_read(client.ssl, data, sizeof(data))) > 0)
		total += (size_t)n;
	printf("%zu bytes, then %s\n", total,
	    SSL_get_error(client.ssl, n) == SSL_ERROR_ZERO_RETURN
		? "close_notify"
		: "no close_notify");
}

static void
take_step(const char *step)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (strcmp(step, "half") == 0) {
		add_record(&kinds[0]);
		add_record(&kinds[1]);
		client.len -= 512;
		send_all(false);
	} else if (strncmp(step, "raw=", 4) == 0) {
		long n = atol(step + 4);
		memset(room((size_t)n), 'x', (size_t)n);
		send_all(false);
	} else if (strcmp(step, "fin") == 0)
		shutdown(client.fd, SHUT_WR);
	else if (strcmp(step, "read") == 0)
		read_all();
	else if (strcmp(step, "data") == 0)
		read_data();
	else if (strcmp(step, "hold") == 0)
		pause();
	else if (strcmp(step, "reset") == 0) {
		setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
		close(client.fd);
	} else
		send_records(step, false);
}

static void
dial(const char *where)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(where)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	bool is_path = where[0] == '/';
	struct sockaddr *to = (struct sockaddr *)&sin;

	strncpy(sun.sun_path, where, sizeof(sun.sun_path) - 1);
	if (is_path)
		to = (struct sockaddr *)&sun;
	client.fd = socket(to->sa_family, SOCK_STREAM, 0);
	if (connect(client.fd, to, is_path ? sizeof(sun) : sizeof(sin)) == -1)
		err(1, "connect");
}

static void
shake_hands(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int version = client.is_13 ? TLS1_3_VERSION : TLS1_2_VERSION;

	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM");
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_keylog_callback(ctx, keep_secret);
	client.ssl = SSL_new(ctx);
	SSL_set_fd(client.ssl, client.fd);
	if (SSL_connect(client.ssl) != 1)
		errx(1, "no handshake");
	if (client.is_13)
		take_traffic_keys();
	else
		take_key_block();
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(1, "usage: tls_hostile PORT|/PATH 1.2|1.3 STEP...");
	setlinebuf(stdout);
	client.is_13 = strcmp(argv[2], "1.3") == 0;
	dial(argv[1]);
	shake_hands();
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "stuff") == 0 && i + 1 < argc)
			send_records(argv[++i], true);
		else
			take_step(argv[i]);
	}
	return 0;
}
