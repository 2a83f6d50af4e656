/* SPDX-License-Identifier: ISC */
/*
 * daytime (RFC 867): the time as people read it, in the form of ctime(3).
 */
#include <string.h>
#include <time.h>

#include "worker/handlers/builtin.h"

#define TEXT_SIZE 32

static size_t
now(char *text)
{
	time_t seconds = time(NULL);
	struct tm tm;

	/* Not ctime_r(3), which looks at the zone's file each time. */
	localtime_r(&seconds, &tm);
	return strftime(text, TEXT_SIZE, "%a %b %e %H:%M:%S %Y\n", &tm);
}

static void
opened(struct pf_connection *connection)
{
	char text[TEXT_SIZE];

	pf_send(connection, text, now(text));
	pf_finish(connection);
}

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	char text[TEXT_SIZE];

	(void)data;
	(void)len;
	pf_reply(datagram, text, now(text));
}

const struct pf_handler handler_daytime = {
	.abi = PF_ABI,
	.name = "daytime",
	.help = "tell the time as text and close",
	.transports = PF_STREAM | PF_DATAGRAM,
	.opened = opened,
	.datagram = datagram,
};
