/* SPDX-License-Identifier: ISC */
/*
 * discard (RFC 863): takes everything and says nothing.
 */
#include "worker/handlers/builtin.h"

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	(void)datagram;
	(void)data;
	(void)len;
}

const struct pf_handler handler_discard = {
	.abi = PF_ABI,
	.name = "discard",
	.help = "take everything and say nothing",
	.transports = PF_STREAM | PF_DATAGRAM,
	.datagram = datagram,
};
