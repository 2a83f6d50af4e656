/* SPDX-License-Identifier: ISC */
/*
 * preforkbench: loads whatever an address names, in a closed loop, an open one
 * or with connections, holds what returns against what was sent, and tells
 * rates, latencies and failures.
 *
 * Here: from the command line to a socket address, and from a result to an exit
 * status. preforkbench_processes.c runs the load in processes of their own,
 * preforkbench_load.c is the loop of one of them, preforkbench_stream.c,
 * _connect.c, _datagram.c and _idle.c are the kinds of load.
 */
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/client_dial.h"
#include "clients/preforkbench_options.h"
#include "clients/preforkbench_processes.h"
#include "clients/preforkbench_report.h"
#include "clients/preforkbench_tls.h"
#include "common/clock.h"

#define OTHER_DESCRIPTORS 16 /* pipes, epoll, what was inherited */

/* --- limits -------------------------------------------------------------- */

/* Each process has its share of the connections, and a limit of its own. */
static void
raise_limits(const struct options *options)
{
	struct rlimit limit;
	rlim_t each = (options->n_clients + options->n_processes - 1) /
	    options->n_processes;
	rlim_t needed = each + OTHER_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max == RLIM_INFINITY || needed <= limit.rlim_max)
		return;
	options_complain("%u connections are more than the limit of open files "
			 "lets %u process%s have: %llu; raise it (ulimit -Hn) "
			 "or use more processes (-t)",
	    options->n_clients, options->n_processes,
	    options->n_processes == 1 ? "" : "es",
	    (unsigned long long)limit.rlim_max - OTHER_DESCRIPTORS);
	exit(BENCH_USAGE);
}

/* One of another machine's would fail for each request. */
static void
check_sources(const struct sources *sources)
{
	char text[ADDRESS_TEXT_MAX];
	struct endpoint source;

	for (size_t i = 0; i < sources->n; i++) {
		sources_get(sources, i, &source);
		const struct sockaddr *sa = (const void *)&source.storage;
		int fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int rc = fd == -1 ? -1 : bind(fd, sa, source.length);
		int error = errno;
		if (fd != -1)
			close(fd);
		if (rc == 0)
			continue;
		options_complain("cannot use source %s: %s",
		    endpoint_format(sa, source.length, text, sizeof(text)),
		    strerror(error));
		exit(BENCH_USAGE);
	}
}

/* --- where to ------------------------------------------------------------ */

/* Of several addresses that which takes a connection first; a single one is
 * not tried, so that the server counts only what is counted here. */
static enum client_status
choose_endpoint(const struct options *options, const struct dial_wish *wish,
    struct endpoint *endpoints, size_t n, char *why, size_t why_size)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int fd;

	if (n == 1 || options_are_datagrams(options))
		return CLIENT_DONE;
	enum client_status status = dial_connect(
	    &options->address, wish, endpoints, n, &fd, why, why_size);
	if (status != CLIENT_DONE)
		return status;
	if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0) {
		endpoints[0].storage = peer;
		endpoints[0].length = length;
	}
	close(fd);
	return CLIENT_DONE;
}

static bool
find_endpoint(const struct options *options, struct endpoint *endpoint)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	struct dial_wish wish = {
		.family = options->family,
		.deadline_ms = clock_monotonic_ms() + options->timeout_ms,
	};
	enum client_status status;
	char why[512];
	size_t n;

	if (wish.family == AF_UNSPEC && options->sources.n > 0)
		wish.family = options->sources.family;
	status = dial_look_up(
	    &options->address, &wish, endpoints, &n, why, sizeof(why));
	if (status == CLIENT_DONE)
		status = choose_endpoint(
		    options, &wish, endpoints, n, why, sizeof(why));
	if (status == CLIENT_DONE) {
		*endpoint = endpoints[0];
		return true;
	}
	options_complain("%s", why);
	if (status == CLIENT_USAGE)
		exit(BENCH_USAGE);
	return false;
}

/* --- TLS ----------------------------------------------------------------- */

/* What is wrong with files, or a name that is missing, is told once, and before
 * anything is connected. */
static void
make_context(const struct options *options, struct target *target)
{
	char why[512];

	if (client_tls_has_name(
		&options->tls, &options->address, why, sizeof(why)))
		target->context = load_tls_context(options, why, sizeof(why));
	if (target->context != NULL)
		return;
	options_complain("%s", why);
	exit(BENCH_USAGE);
}

/* --- the end ------------------------------------------------------------- */

static enum bench_status
status_of(const struct outcome *outcome)
{
	const struct result *result = outcome->result;

	if (result->failed[FAILURE_NO_PORT] > 0)
		options_complain("ports ran out: use --sources");
	if (outcome->process_died)
		options_complain("a process of the load ended by itself");
	if (result->failed[FAILURE_CERTIFICATE] > 0 && result->requests == 0)
		return BENCH_CERTIFICATE;
	return result_n_failed(result) > 0 || outcome->process_died
	    ? BENCH_FAILED
	    : BENCH_DONE;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct target target = { 0 };
	struct outcome outcome;

	options_read(&options, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (options.address.tls)
		make_context(&options, &target);
	raise_limits(&options);
	check_sources(&options.sources);
	if (!find_endpoint(&options, &target.endpoint) ||
	    !processes_run(&options, &target, &outcome))
		return BENCH_FAILED;
	bool written = options.json ? report_json(&options, &outcome)
				    : report_text(&options, &outcome);
	processes_let_go(&options);
	enum bench_status status = status_of(&outcome);
	free(outcome.result);
	SSL_CTX_free(target.context);
	return written ? (int)status : BENCH_FAILED;
}
