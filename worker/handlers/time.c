/* SPDX-License-Identifier: ISC */
/*
 * time (RFC 868): seconds since 1900 as 32 bits, most significant byte first.
 * The field overflows in 2036 and begins anew.
 */
#include <arpa/inet.h>

#include <time.h>

#include "worker/handlers/builtin.h"

#define SECONDS_1900_TO_1970 2208988800u

static uint32_t
now(void)
{
	return htonl((uint32_t)time(NULL) + SECONDS_1900_TO_1970);
}

static void
opened(struct pf_connection *connection)
{
	uint32_t seconds = now();

	pf_send(connection, &seconds, sizeof(seconds));
	pf_finish(connection);
}

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	uint32_t seconds = now();

	(void)data;
	(void)len;
	pf_reply(datagram, &seconds, sizeof(seconds));
}

const struct pf_handler handler_time = {
	.abi = PF_ABI,
	.name = "time",
	.help = "tell the seconds since 1900 as 4 bytes and close",
	.transports = PF_STREAM | PF_DATAGRAM,
	.opened = opened,
	.datagram = datagram,
};
