/* SPDX-License-Identifier: ISC */
/*
 * One line for each connection that has ended: when, service, worker, peer,
 * listener, cause, bytes in and out, milliseconds, and what TLS spoke. To the
 * descriptor that the supervisor opened, or into the log. Names of unix peers
 * come escaped.
 */
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "worker/access_log.h"
#include "worker/connection.h"
#include "worker/tls.h"

#define LINE_MAX_BYTES 1024

static int
format(char *line, size_t size, const struct pf_connection *c,
    int64_t length_ms, const char *prefix)
{
	char peer[ADDRESS_TEXT_MAX], tls[128];

	return snprintf(line, size, "%s%s %s %s %s %s %llu %llu %lld%s", prefix,
	    connection_service(c)->config->name, connection_worker(c)->name,
	    peer_format(&c->peer, peer, sizeof(peer)), c->listener->given->text,
	    connection_cause(c->cause), (unsigned long long)c->bytes_in,
	    (unsigned long long)c->bytes_out, (long long)length_ms,
	    tls_describe(c, tls, sizeof(tls)));
}

/* False when it was not taken. */
static bool
write_file(
    struct worker *worker, const struct pf_connection *c, int64_t length_ms)
{
	char line[LINE_MAX_BYTES], stamp[40];

	clock_stamp(stamp, sizeof(stamp) - 1);
	strlcat(stamp, " ", sizeof(stamp));
	int len = format(line, sizeof(line) - 1, c, length_ms, stamp);
	if (len >= (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 2;
	line[len++] = '\n';
	return log_write_line(
	    worker->access_log_fd, &worker->access_torn, line, (size_t)len);
}

void
access_log_write(const struct pf_connection *c, int64_t length_ms)
{
	struct worker *worker = connection_worker(c);
	char line[LINE_MAX_BYTES];

	if (worker->access_log_fd != -1) {
		if (!write_file(worker, c, length_ms))
			worker->access_dropped++;
	} else if (worker->access_to_log) {
		format(line, sizeof(line), c, length_ms, "access: ");
		log_info("%s", line);
	} else if (log_get_level() == LOG_LEVEL_DEBUG) {
		format(line, sizeof(line), c, length_ms, "closed: ");
		log_debug("%s", line);
	}
}
