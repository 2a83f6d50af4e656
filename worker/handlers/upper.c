/* SPDX-License-Identifier: ISC */
/*
 * upper: sends back what comes, with ASCII letters in upper case. Other bytes
 * are left alone, so that UTF-8 text stays text.
 */
#include "worker/handlers/builtin.h"

static void
raise_letters(unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] >= 'a' && bytes[i] <= 'z')
			bytes[i] = (unsigned char)(bytes[i] - 'a' + 'A');
	}
}

static void
received(struct pf_connection *connection, void *data, size_t len)
{
	raise_letters(data, len);
	pf_send(connection, data, len);
}

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	raise_letters(data, len);
	pf_reply(datagram, data, len);
}

const struct pf_handler handler_upper = {
	.abi = PF_ABI,
	.name = "upper",
	.help = "send back what comes, in upper case",
	.transports = PF_STREAM | PF_DATAGRAM,
	.received = received,
	.datagram = datagram,
};
