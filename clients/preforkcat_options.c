/* SPDX-License-Identifier: ISC */
/*
 * The command line of preforkcat. Each option is a row of one table, from which
 * getopt_long(3), the help, and the check of what fits what are fed.
 */
#include <arpa/inet.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/client_options.h"
#include "clients/client_status.h"
#include "clients/preforkcat_options.h"
#include "clients/preforkcat_show.h"
#include "common/units.h"

#define ANSWER_TIMEOUT_MS 2000 /* for the answer to a datagram */
#define RETRIES_MAX	  100
#define DATAGRAM_SIZE_MAX (1024 * 1024)
#define DURATION_MAX_MS	  (INT64_C(365) * 86400 * 1000)

/* Options without a letter. */
enum long_only {
	ALPN = 256,
	BROADCAST,
	CA,
	CERT,
	CONNECT_TIMEOUT,
	CRLF,
	DATAGRAM_SIZE,
	HEX,
	INSECURE,
	KEY,
	NO_ANSWER,
	PROXY_HEADER,
	RESOLVE,
	RETRIES,
	SERVERNAME,
	SOURCE,
	TIMEOUT,
};

/* What an option has a meaning for. */
enum use {
	USE_TCP = 1,
	USE_UNIX = 2,
	USE_UDP = 4,
	USE_UNIXGRAM = 8,
	USE_HTTP = 16,
	USE_RESOLVE = 32,
	USE_TLS = 64, /* besides another */
};

#define USE_STREAM   (USE_TCP | USE_UNIX)
#define USE_DATAGRAM (USE_UDP | USE_UNIXGRAM)
#define USE_INET     (USE_TCP | USE_UDP | USE_HTTP)
#define USE_TALK     (USE_STREAM | USE_DATAGRAM | USE_HTTP)
#define USE_ALL	     (USE_TALK | USE_RESOLVE)

static const struct client_option rows[] = {
	{ '4', "ipv4", NULL, "only IPv4", USE_INET | USE_RESOLVE },
	{ '6', "ipv6", NULL, "only IPv6", USE_INET | USE_RESOLVE },
	{ ALPN, "alpn", "LIST", "offer these protocols, in order", USE_TLS },
	{ BROADCAST, "broadcast", NULL, "allow a broadcast address", USE_UDP },
	{ CA, "ca", "FILE", "whose certificates hold, not the system's",
	    USE_TLS },
	{ CERT, "cert", "FILE", "show this certificate", USE_TLS },
	{ CONNECT_TIMEOUT, "connect-timeout", "TIME",
	    "for name, connection, handshake", USE_ALL },
	{ CRLF, "crlf", NULL, "send line ends as CR LF",
	    USE_STREAM | USE_DATAGRAM },
	{ DATAGRAM_SIZE, "datagram-size", "N|all",
	    "so many bytes a datagram, not a line", USE_DATAGRAM },
	{ 'h', "help", NULL, "this text", USE_ALL },
	{ HEX, "hex", NULL, "show what goes and comes, escaped", USE_TALK },
	{ 'i', "include", NULL, "print the header of the reply", USE_HTTP },
	{ INSECURE, "insecure", NULL, "do not check the certificate", USE_TLS },
	{ KEY, "key", "FILE", "the key of --cert (in the same file)", USE_TLS },
	{ NO_ANSWER, "no-answer", NULL, "wait for no answer", USE_DATAGRAM },
	{ PROXY_HEADER, "proxy-header", "v1|v2", "send a PROXY header first",
	    USE_TALK },
	{ RESOLVE, "resolve", NULL, "print the addresses of the name, only",
	    USE_RESOLVE },
	{ RETRIES, "retries", "N", "ask so many times more (0)", USE_DATAGRAM },
	{ SERVERNAME, "servername", "NAME", "who it must be, not the host",
	    USE_TLS },
	{ SOURCE, "source", "ADDR[:PORT]", "connect from there", USE_INET },
	{ TIMEOUT, "timeout", "TIME", "end when nothing moves (datagrams: 2s)",
	    USE_TALK },
	{ 'v', "verbose", NULL, "tell each step and its time", USE_ALL },
	{ 'V', "version", NULL, "version of preforkcat", USE_ALL },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char usage_text[] =
    "usage: preforkcat [-46hivV] [--option ...] address\n";

static _Noreturn void
print_help(void)
{
	printf("%s\n", usage_text);
	client_options_help(rows, N_ROWS, 24);
	puts("\nThe address is tcp://host:port, udp://host:port, unix:/path, "
	     "unixgram:/path\n(@name instead of a path: abstract), "
	     "http://host[:port]/path, or, with TLS,\n"
	     "tls://host:port, tls+unix:/path, https://host[:port]/path.");
	exit(fflush(stdout) == EOF ? CLIENT_BROKEN : CLIENT_DONE);
}

static _Noreturn void
usage_error(void)
{
	fputs(usage_text, stderr);
	exit(CLIENT_USAGE);
}

/* --- values -------------------------------------------------------------- */

static int64_t
parse_duration(const char *what, const char *text)
{
	const char *why;
	int64_t ms;

	if (unit_parse_duration(text, &ms, &why)) {
		if (ms >= 0 && ms <= DURATION_MAX_MS)
			return ms;
		why = "is not from 0 to 365d";
	}
	complain("%s \"%s\" %s", what, text, why);
	exit(CLIENT_USAGE);
}

static long long
parse_number(const char *what, const char *text, long long min, long long max)
{
	const char *why;
	long long n = strtonum(text, min, max, &why);

	if (why == NULL)
		return n;
	complain("%s \"%s\" is %s: %lld to %lld", what, text, why, min, max);
	exit(CLIENT_USAGE);
}

static enum proxy_version
parse_version(const char *text)
{
	if (strcmp(text, "v1") == 0)
		return PROXY_V1;
	if (strcmp(text, "v2") == 0)
		return PROXY_V2;
	complain("--proxy-header \"%s\" is not v1 or v2", text);
	exit(CLIENT_USAGE);
}

/* "127.0.0.1", "127.0.0.1:7", "::1", "[::1]", "[::1]:7": literals only. */
static bool
parse_source(struct endpoint *source, const char *text)
{
	struct endpoint both[ADDRESS_MAX_ENDPOINTS];
	struct in6_addr v6;
	struct address address;
	const char *bracket = strrchr(text, ']');
	char whole[2 * ADDRESS_TEXT_MAX], why[256];
	bool has_port = strchr(bracket == NULL ? text : bracket, ':') != NULL;

	if (inet_pton(AF_INET6, text, &v6) == 1)
		snprintf(whole, sizeof(whole), "tcp://[%s]:0", text);
	else
		snprintf(whole, sizeof(whole), "tcp://%s%s", text,
		    has_port ? "" : ":0");
	if (!address_parse(&address, whole, NULL, why, sizeof(why)) ||
	    address_endpoints(&address, both) != 1)
		return false;
	*source = both[0];
	return true;
}

static void
take_source(struct options *options, const char *text)
{
	options->has_source = parse_source(&options->source, text);
	if (options->has_source)
		return;
	complain("--source \"%s\" is not an address such as 127.0.0.2, "
		 "127.0.0.2:99 or [::1]:99",
	    text);
	exit(CLIENT_USAGE);
}

/* --- options ------------------------------------------------------------- */

static void
take_tls_option(struct options *options, int value)
{
	switch (value) {
	case ALPN:
		options->tls.alpn = optarg;
		break;
	case CA:
		options->tls.ca = optarg;
		break;
	case CERT:
		options->tls.cert = optarg;
		break;
	case INSECURE:
		options->tls.insecure = true;
		break;
	case KEY:
		options->tls.key = optarg;
		break;
	case SERVERNAME:
		options->tls.servername = optarg;
		break;
	}
}

static void
take_long_option(struct options *options, int value)
{
	switch (value) {
	case BROADCAST:
		options->broadcast = true;
		break;
	case CONNECT_TIMEOUT:
		options->connect_timeout_ms =
		    parse_duration("--connect-timeout", optarg);
		break;
	case CRLF:
		options->crlf = true;
		break;
	case DATAGRAM_SIZE:
		options->datagram_size = strcmp(optarg, "all") == 0
		    ? DATAGRAM_ALL
		    : parse_number(
			  "--datagram-size", optarg, 1, DATAGRAM_SIZE_MAX);
		break;
	case HEX:
		options->hex = true;
		break;
	case NO_ANSWER:
		options->no_answer = true;
		break;
	case PROXY_HEADER:
		options->proxy = parse_version(optarg);
		break;
	case RESOLVE:
		options->resolve = true;
		break;
	case RETRIES:
		options->retries =
		    (unsigned)parse_number("--retries", optarg, 0, RETRIES_MAX);
		break;
	case SOURCE:
		take_source(options, optarg);
		break;
	case TIMEOUT:
		options->timeout_ms = parse_duration("--timeout", optarg);
		break;
	default:
		take_tls_option(options, value);
	}
}

static void
take_option(struct options *options, int value)
{
	switch (value) {
	case '4':
		options->family = AF_INET;
		break;
	case '6':
		options->family = AF_INET6;
		break;
	case 'h':
		print_help();
	case 'i':
		options->include = true;
		break;
	case 'v':
		options->verbose = true;
		break;
	case 'V':
		printf("preforkcat %s\n", PREFORKD_VERSION);
		exit(fflush(stdout) == EOF ? CLIENT_BROKEN : CLIENT_DONE);
	case '?':
		usage_error();
	default:
		take_long_option(options, value);
	}
}

static const struct client_option *
find_row(int value)
{
	const struct client_option *row = rows;

	while (row < rows + N_ROWS - 1 && row->value != value)
		row++;
	return row;
}

/* --- the address --------------------------------------------------------- */

static _Noreturn void
address_error(const char *text, const char *why)
{
	complain("the address \"%s\" cannot be used: %s", text, why);
	exit(CLIENT_USAGE);
}

/* --resolve takes a bare name, too. */
static void
read_name(struct options *options)
{
	char text[2 * ADDRESS_TEXT_MAX], why[256];
	bool v6 = strchr(options->text, ':') != NULL;

	snprintf(text, sizeof(text), v6 ? "tcp://[%s]:0" : "tcp://%s:0",
	    options->text);
	if (!address_parse(&options->address, text, NULL, why, sizeof(why)))
		address_error(options->text, why);
}

static void
read_address(struct options *options)
{
	const char *text = options->text;
	char why[256];

	options->is_url = url_is(text);
	if (options->is_url) {
		if (!url_parse(&options->url, text, why, sizeof(why)))
			address_error(text, why);
		options->address = options->url.address;
	} else if (options->resolve && strstr(text, "//") == NULL &&
	    strncmp(text, "unix", 4) != 0 &&
	    strncmp(text, "tls+unix:", 9) != 0) {
		read_name(options);
		return;
	} else if (!address_parse(
		       &options->address, text, NULL, why, sizeof(why)))
		address_error(text, why);
	if (options->address.kind == ADDRESS_FD)
		address_error(text, "fd:// is for the daemon");
	if (options->resolve && !address_is_inet(&options->address))
		address_error(text, "it has no name to look up");
	if (address_is_inet(&options->address) && options->address.port == 0 &&
	    !options->resolve)
		address_error(text, "port 0 is for listeners");
}

/* --- what goes together -------------------------------------------------- */

static unsigned
use_of(const struct options *options)
{
	if (options->resolve)
		return USE_RESOLVE;
	unsigned tls = options->address.tls ? USE_TLS : 0;
	if (options->is_url)
		return USE_HTTP | tls;
	switch (options->address.kind) {
	case ADDRESS_UDP:
		return USE_UDP;
	case ADDRESS_UNIX:
		return USE_UNIX | tls;
	case ADDRESS_UNIXGRAM:
		return USE_UNIXGRAM;
	default:
		return USE_TCP | tls;
	}
}

/* What has no effect is not asked for on purpose. */
static void
check_together(const struct options *options, const bool *given)
{
	unsigned use = use_of(options);
	char why[512];

	for (size_t i = 0; i < N_ROWS; i++) {
		if (!given[i] || (rows[i].use & use) != 0)
			continue;
		complain("--%s has no meaning %s%s", rows[i].name,
		    options->resolve ? "with --resolve" : "for ",
		    options->resolve ? "" : options->text);
		exit(CLIENT_USAGE);
	}
	if (options->proxy == PROXY_V1 && (use & USE_DATAGRAM) != 0) {
		complain("--proxy-header v1 is for streams: use v2");
		exit(CLIENT_USAGE);
	}
	if (options->tls.key != NULL && options->tls.cert == NULL) {
		complain("--key has no meaning without --cert");
		exit(CLIENT_USAGE);
	}
	if ((use & USE_TLS) != 0 &&
	    !client_tls_has_name(
		&options->tls, &options->address, why, sizeof(why)))
		address_error(options->text, why);
	if (options->has_source && options->family != AF_UNSPEC &&
	    options->source.storage.ss_family != options->family) {
		complain("--source is not of the family that was asked for");
		exit(CLIENT_USAGE);
	}
}

void
options_read(struct options *options, int argc, char **argv)
{
	struct option long_options[N_ROWS + 1];
	char letters[2 * N_ROWS + 1];
	bool given[N_ROWS] = { false };
	int value;

	memset(options, 0, sizeof(*options));
	options->timeout_ms = -1;
	client_options_tables(rows, N_ROWS, letters, long_options);
	while ((value = getopt_long(argc, argv, letters, long_options, NULL)) !=
	    -1) {
		take_option(options, value);
		given[find_row(value) - rows] = true;
	}
	if (argc - optind != 1)
		usage_error();
	options->text = argv[optind];
	read_address(options);
	check_together(options, given);
	if (options->timeout_ms == -1)
		options->timeout_ms =
		    use_of(options) & USE_DATAGRAM ? ANSWER_TIMEOUT_MS : 0;
}
