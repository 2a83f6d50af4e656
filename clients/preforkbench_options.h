/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_OPTIONS_H
#define CLIENTS_PREFORKBENCH_OPTIONS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/client_tls.h"
#include "clients/preforkbench_sources.h"
#include "common/address.h"

enum bench_status {
	BENCH_DONE = 0,
	BENCH_FAILED = 1, /* a request failed */
	BENCH_USAGE = 64,
	BENCH_CERTIFICATE = 77, /* not one, for the certificate does not hold */
};

enum bench_mode { MODE_REQUESTS = 0, MODE_CONNECT, MODE_IDLE };

/* What a new connection is used for, in the modes of connections. */
enum exchange {
	EXCHANGE_NONE = 0,
	EXCHANGE_READ,
	EXCHANGE_ECHO,
	EXCHANGE_HTTP
};

/* What the command line asks for, with the defaults filled in. */
struct options {
	const char *text; /* the address as it was given */
	struct address address;
	int family; /* AF_UNSPEC, AF_INET, AF_INET6 */
	enum bench_mode mode;
	enum exchange exchange;
	unsigned n_clients, n_processes;
	unsigned pipeline;   /* requests of a connection on their way */
	uint64_t n_requests; /* 0: as many as fit */
	uint64_t rate;	     /* a second; 0: a closed loop */
	size_t size;
	int64_t duration_ms, warm_up_ms, timeout_ms;
	struct sources sources;
	struct client_tls_options tls;
	int tls_version; /* TLS1_2_VERSION, TLS1_3_VERSION; 0: either */
	pid_t cpu_of;	 /* 0: nobody's */
	bool verify, gso, reset, json, mark, hold, resume;
};

/*
 * Reads the command line. -h and -V are answered here and end the program, as
 * does what is wrong (BENCH_USAGE, a line on standard error).
 */
void options_read(struct options *options, int argc, char **argv);

/* The address is one of datagrams. */
bool options_are_datagrams(const struct options *options);

/* "preforkbench: ..." on standard error. */
void
options_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
