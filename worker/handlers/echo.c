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
	const char *text = pf_setting_text(service, "banner");
	char why[128];

	if (*text == '\0')
		return 0;
	struct template *banner = template_new(text, service, why, sizeof(why));
	if (banner == NULL) {
		pf_service_log(service, PF_ERROR, "banner: %s", why);
		return -1;
	}
	pf_service_set_data(service, banner);
	return 0;
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
	struct sockaddr_storage peer;
	char text[TEMPLATE_MAX];

	if (banner == NULL)
		return;
	socklen_t length = pf_peer(connection, &peer);
	pf_send(connection, text, template_fill(banner, &peer, length, text));
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
