/* SPDX-License-Identifier: ISC */
/*
 * The command line of preforkbench. Each option is a row of one table, from
 * which getopt_long(3), the help, and the check of what fits what are fed.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/client_options.h"
#include "clients/preforkbench_options.h"
#include "clients/preforkbench_values.h"

#define CLIENTS_DEFAULT	    10
#define CLIENTS_MAX	    1000000
#define PROCESSES_MAX	    256
#define PIPELINE_MAX	    1024
#define RATE_MAX	    100000000
#define SIZE_DEFAULT	    64
#define SIZE_MAX_DATAGRAM   65507
#define SIZE_MIN_DATAGRAM   9 /* the stamp and a newline */
#define DURATION_DEFAULT_MS 10000
#define DURATION_COUNTED_MS 3600000 /* when -n says how much */
#define TIMEOUT_MS	    5000
#define TIMEOUT_DATAGRAM_MS 200

/* Options without a letter. */
enum long_only {
	ALPN = 256,
	CA,
	CERT,
	CONNECT,
	CPU_OF,
	EXCHANGE,
	GSO,
	HOLD,
	IDLE,
	INSECURE,
	JSON,
	KEY,
	MARK,
	NO_VERIFY,
	PIPELINE,
	RATE,
	RESET,
	RESUME,
	SERVERNAME,
	SIZE,
	SOURCES,
	TIMEOUT,
	TLS_VERSION,
	VERIFY,
	WARM_UP,
};

/* What an option has a meaning for. */
enum use {
	USE_STREAM = 1, /* requests on connections */
	USE_DATAGRAM = 2,
	USE_CONNECT = 4,
	USE_IDLE = 8,
	USE_UNIX = 16, /* beside one of the others */
	USE_TLS = 32,  /* only there */
};

#define USE_REQUESTS (USE_STREAM | USE_DATAGRAM)
#define USE_LOADS    (USE_REQUESTS | USE_CONNECT)
#define USE_INET     (USE_LOADS | USE_IDLE)
#define USE_ANY	     (USE_INET | USE_UNIX)
#define USE_ANY_TLS  (USE_ANY | USE_TLS)

static const struct client_option rows[] = {
	{ '4', "ipv4", NULL, "only IPv4", USE_INET },
	{ '6', "ipv6", NULL, "only IPv6", USE_INET },
	{ ALPN, "alpn", "LIST", "offer these protocols: h2,http/1.1",
	    USE_ANY_TLS },
	{ CA, "ca", "FILE", "trust who is in it, not the system's",
	    USE_ANY_TLS },
	{ CERT, "cert", "FILE", "our certificate (PEM)", USE_ANY_TLS },
	{ 'c', "connections", "N", "so many at a time (10)",
	    USE_LOADS | USE_UNIX },
	{ CONNECT, "connect", NULL, "a request is: connect, exchange, close",
	    USE_CONNECT | USE_UNIX },
	{ CPU_OF, "cpu-of", "PID", "tell the CPU time of this process tree",
	    USE_ANY },
	{ 'd', "duration", "TIME", "so long (10s; with -n at most 1h)",
	    USE_ANY },
	{ EXCHANGE, "exchange", "WHAT",
	    "of a new connection: none, read, echo, http",
	    USE_CONNECT | USE_IDLE | USE_UNIX },
	{ GSO, "gso", NULL, "send with UDP_SEGMENT, receive with UDP_GRO",
	    USE_DATAGRAM },
	{ 'h', "help", NULL, "this text", USE_ANY },
	{ HOLD, "hold", NULL, "keep connections until input ends", USE_ANY },
	{ IDLE, "idle", "N", "open so many connections and hold them",
	    USE_IDLE | USE_UNIX },
	{ INSECURE, "insecure", NULL, "any certificate will do", USE_ANY_TLS },
	{ JSON, "json", NULL, "the result in JSON", USE_ANY },
	{ KEY, "key", "FILE", "its key (default: in --cert's file)",
	    USE_ANY_TLS },
	{ MARK, "mark", NULL, "print \"begin\" when it begins to count",
	    USE_ANY },
	{ NO_VERIFY, "no-verify", NULL, "any bytes are an answer", USE_ANY },
	{ 'n', "requests", "N", "so many, all in all", USE_LOADS | USE_UNIX },
	{ PIPELINE, "pipeline", "N", "so many of a connection under way (1)",
	    USE_REQUESTS | USE_UNIX },
	{ RATE, "rate", "N", "so many a second, whatever comes back",
	    USE_LOADS | USE_UNIX },
	{ RESET, "reset", NULL, "close with a reset, which frees the port",
	    USE_CONNECT },
	{ RESUME, "resume", NULL, "offer the session of a connection before",
	    USE_ANY_TLS },
	{ SERVERNAME, "servername", "NAME", "ask for it, and check it",
	    USE_ANY_TLS },
	{ SIZE, "size", "SIZE", "bytes of a request (64)", USE_ANY },
	{ SOURCES, "sources", "LIST", "connect from A-B,C,... in turn",
	    USE_INET },
	{ 't', "processes", "N", "generate with so many processes (1)",
	    USE_ANY },
	{ TIMEOUT, "timeout", "TIME",
	    "wait so long for an answer (5s; datagrams 200ms)", USE_ANY },
	{ TLS_VERSION, "tls-version", "VERSION", "only 1.2, or only 1.3",
	    USE_ANY_TLS },
	{ VERIFY, "verify", NULL, "the answer is what was sent (default)",
	    USE_ANY },
	{ 'V', "version", NULL, "version of preforkbench", USE_ANY },
	{ WARM_UP, "warm-up", "TIME", "so long before it counts (0)",
	    USE_LOADS | USE_UNIX },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char usage_text[] =
    "usage: preforkbench [-46hV] [-c connections] [-d time] [-n requests]\n"
    "                    [-t processes] [--option ...] address\n";

void
options_complain(const char *format, ...)
{
	va_list ap;

	fputs("preforkbench: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static _Noreturn void
end_of_help(void)
{
	exit(fflush(stdout) == EOF ? BENCH_FAILED : BENCH_DONE);
}

static _Noreturn void
print_help(void)
{
	printf("%s\n", usage_text);
	client_options_help(rows, N_ROWS, 18);
	puts("\nThe address is tcp://host:port, tls://host:port, "
	     "udp://host:port, "
	     "unix:/path,\ntls+unix:/path or unixgram:/path (@name instead of "
	     "a path: abstract).");
	end_of_help();
}

/* --- options ------------------------------------------------------------- */

/* False when VALUE is none of these. */
static bool
take_tls_option(struct options *options, int value)
{
	struct client_tls_options *tls = &options->tls;

	switch (value) {
	case ALPN:
		tls->alpn = optarg;
		return true;
	case CA:
		tls->ca = optarg;
		return true;
	case CERT:
		tls->cert = optarg;
		return true;
	case INSECURE:
		tls->insecure = true;
		return true;
	case KEY:
		tls->key = optarg;
		return true;
	case RESUME:
		options->resume = true;
		return true;
	case SERVERNAME:
		tls->servername = optarg;
		return true;
	case TLS_VERSION:
		options->tls_version = value_tls_version();
		return true;
	default:
		return false;
	}
}

static void
take_long_option(struct options *options, int value)
{
	switch (value) {
	case CONNECT:
		options->mode = MODE_CONNECT;
		break;
	case CPU_OF:
		options->cpu_of = (pid_t)value_number("--cpu-of", INT32_MAX);
		break;
	case EXCHANGE:
		options->exchange = value_exchange();
		break;
	case GSO:
		options->gso = true;
		break;
	case HOLD:
		options->hold = true;
		break;
	case IDLE:
		options->mode = MODE_IDLE;
		options->n_clients =
		    (unsigned)value_number("--idle", CLIENTS_MAX);
		break;
	case JSON:
		options->json = true;
		break;
	case MARK:
		options->mark = true;
		break;
	case NO_VERIFY:
		options->verify = false;
		break;
	case PIPELINE:
		options->pipeline =
		    (unsigned)value_number("--pipeline", PIPELINE_MAX);
		break;
	case RATE:
		options->rate = value_number("--rate", RATE_MAX);
		break;
	case RESET:
		options->reset = true;
		break;
	case SIZE:
		options->size = value_size();
		break;
	case SOURCES:
		value_sources(&options->sources);
		break;
	case TIMEOUT:
		options->timeout_ms = value_duration("--timeout", 1);
		break;
	case VERIFY:
		options->verify = true;
		break;
	case WARM_UP:
		options->warm_up_ms = value_duration("--warm-up", 0);
		break;
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
	case 'c':
		options->n_clients = (unsigned)value_number("-c", CLIENTS_MAX);
		break;
	case 'd':
		options->duration_ms = value_duration("-d", 1);
		break;
	case 'h':
		print_help();
	case 'n':
		options->n_requests = value_number("-n", INT64_MAX);
		break;
	case 't':
		options->n_processes =
		    (unsigned)value_number("-t", PROCESSES_MAX);
		break;
	case 'V':
		printf("preforkbench %s\n", PREFORKD_VERSION);
		end_of_help();
	case '?':
		fputs(usage_text, stderr);
		exit(BENCH_USAGE);
	default:
		if (!take_tls_option(options, value))
			take_long_option(options, value);
	}
}

static size_t
index_of(int value)
{
	size_t i = 0;

	while (i < N_ROWS - 1 && rows[i].value != value)
		i++;
	return i;
}

/* --- what goes together -------------------------------------------------- */

bool
options_are_datagrams(const struct options *options)
{
	return address_socket_type(&options->address) == SOCK_DGRAM;
}

static void
read_address(struct options *options)
{
	char why[256] = "";

	if (!address_parse(
		&options->address, options->text, NULL, why, sizeof(why)))
		;
	else if (options->address.kind == ADDRESS_FD)
		snprintf(why, sizeof(why), "fd:// is for the daemon");
	else if (address_is_inet(&options->address) &&
	    options->address.port == 0)
		snprintf(why, sizeof(why), "port 0 is for listeners");
	else
		return;
	options_complain(
	    "the address \"%s\" cannot be used: %s", options->text, why);
	exit(BENCH_USAGE);
}

static unsigned
use_of(const struct options *options)
{
	if (options->mode == MODE_CONNECT)
		return USE_CONNECT;
	if (options->mode == MODE_IDLE)
		return USE_IDLE;
	return options_are_datagrams(options) ? USE_DATAGRAM : USE_STREAM;
}

/* A phrase when the options contradict one another. */
static const char *
contradiction(const struct options *options, const bool *given)
{
	bool datagrams = options_are_datagrams(options);

	if (given[index_of(CONNECT)] && given[index_of(IDLE)])
		return "--connect and --idle are two things";
	if (options->mode != MODE_REQUESTS && datagrams)
		return "datagrams have no connections to make or hold";
	if (options->mode == MODE_IDLE && options->exchange == EXCHANGE_READ)
		return "--exchange read ends with the connection: not --idle";
	if (datagrams &&
	    (options->size < SIZE_MIN_DATAGRAM ||
		options->size > SIZE_MAX_DATAGRAM))
		return "--size of datagrams is 9 to 65507";
	if (options->sources.n > 0 && options->family != AF_UNSPEC &&
	    options->sources.family != options->family)
		return "--sources are not of the family that was asked for";
	if (options->tls.key != NULL && options->tls.cert == NULL)
		return "--key is of --cert, which is missing";
	if (options->n_processes > options->n_clients)
		return "-t cannot be more than there are connections";
	if (options->n_requests > 0 &&
	    options->n_requests < options->n_processes)
		return "-n cannot be less than -t";
	return NULL;
}

static const char *const mode_words[] = { "", "--connect ", "--idle " };

/* What has no effect is not asked for on purpose. */
static void
check_together(const struct options *options, const bool *given)
{
	unsigned use = use_of(options);
	bool is_unix = !address_is_inet(&options->address);
	const char *why = contradiction(options, given);

	if (why != NULL) {
		options_complain("%s", why);
		exit(BENCH_USAGE);
	}
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!given[i] ||
		    ((rows[i].use & use) != 0 &&
			(!is_unix || (rows[i].use & USE_UNIX) != 0) &&
			(options->address.tls || (rows[i].use & USE_TLS) == 0)))
			continue;
		options_complain("--%s has no meaning for %s%s", rows[i].name,
		    mode_words[options->mode], options->text);
		exit(BENCH_USAGE);
	}
}

static void
set_defaults(struct options *options)
{
	if (options->n_clients == 0)
		options->n_clients = CLIENTS_DEFAULT;
	if (options->duration_ms == 0)
		options->duration_ms = options->n_requests > 0
		    ? DURATION_COUNTED_MS
		    : DURATION_DEFAULT_MS;
	if (options->timeout_ms == 0)
		options->timeout_ms = options_are_datagrams(options)
		    ? TIMEOUT_DATAGRAM_MS
		    : TIMEOUT_MS;
}

void
options_read(struct options *options, int argc, char **argv)
{
	struct option long_options[N_ROWS + 1];
	char letters[2 * N_ROWS + 1];
	bool given[N_ROWS] = { false };
	int value;

	*options = (struct options){
		.pipeline = 1,
		.n_processes = 1,
		.size = SIZE_DEFAULT,
		.verify = true,
	};
	client_options_tables(rows, N_ROWS, letters, long_options);
	while ((value = getopt_long(argc, argv, letters, long_options, NULL)) !=
	    -1) {
		take_option(options, value);
		given[index_of(value)] = true;
	}
	if (argc - optind != 1)
		take_option(options, '?');
	options->text = argv[optind];
	read_address(options);
	set_defaults(options);
	check_together(options, given);
}
