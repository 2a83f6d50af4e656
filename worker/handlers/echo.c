/* SPDX-License-Identifier: ISC */
/*
 * echo (RFC 862): whatever comes goes back. A banner can be said first, to
 * connections.
 */
#include "worker/handlers/builtin.h"
#include "worker/template.h"

static const struct pf_setting settings[] = {
	{ .name = "banner",
	    .type = PF_STRING,
	    .fallback = "",
	    .help = "text sent when a connection opens; see greeting",
	    .check = template_check },
};

static int
start(struct pf_service *service)
{
	if (*pf_setting_text(service, "banner") == '\0')
		return 0;
	pf_service_set_data(service, template_of_setting(service, "banner"));
	return pf_service_data(service) == NULL ? -1 : 0;
}

static void
stop(struct pf_service *service)
{
	template_free(pf_service_data(service));
}

static void
opened(struct pf_connection *connection)
{
	const struct template *banner =
	    pf_service_data(pf_connection_service(connection));

	if (banner != NULL)
		template_send(banner, connection);
}

static void
received(struct pf_connection *connection, void *data, size_t len)
{
	pf_send(connection, data, len);
}

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	pf_reply(datagram, data, len);
}

const struct pf_handler handler_echo = {
	.abi = PF_ABI,
	.name = "echo",
	.help = "send back what comes",
	.transports = PF_STREAM | PF_DATAGRAM,
	.settings = settings,
	.n_settings = sizeof(settings) / sizeof(settings[0]),
	.start = start,
	.stop = stop,
	.opened = opened,
	.received = received,
	.datagram = datagram,
};
