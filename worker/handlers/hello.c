/* SPDX-License-Identifier: ISC */
/*
 * hello: greets the peer by its address and closes.
 */
#include "worker/handlers/builtin.h"
#include "worker/template.h"

static const struct pf_setting settings[] = {
	{ .name = "greeting",
	    .type = PF_STRING,
	    .fallback = "Hello %a\\n",
	    .help = "text to send: %a address and %p port of the peer, %h "
		    "this host, %s service, %w worker, %%, \\n, \\r, \\t, "
		    "\\\\",
	    .check = template_check },
};

static int
start(struct pf_service *service)
{
	pf_service_set_data(service, template_of_setting(service, "greeting"));
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
	template_send(
	    pf_service_data(pf_connection_service(connection)), connection);
	pf_finish(connection);
}

static void
datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	struct sockaddr_storage peer;
	socklen_t length = pf_datagram_peer(datagram, &peer);
	char text[TEMPLATE_MAX];

	(void)data;
	(void)len;
	pf_reply(datagram, text,
	    template_fill(pf_service_data(pf_datagram_service(datagram)), &peer,
		length, text));
}

const struct pf_handler handler_hello = {
	.abi = PF_ABI,
	.name = "hello",
	.help = "greet the peer and close",
	.transports = PF_STREAM | PF_DATAGRAM,
	.settings = settings,
	.n_settings = sizeof(settings) / sizeof(settings[0]),
	.start = start,
	.stop = stop,
	.opened = opened,
	.datagram = datagram,
};
