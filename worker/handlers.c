/* SPDX-License-Identifier: ISC */
/*
 * The table of built-in handlers, and the same as the configuration reader
 * wants it: what each is called, what it answers, which settings it has.
 */
#include <string.h>

#include "worker/handlers.h"
#include "worker/handlers/builtin.h"
#include "worker/worker.h"

static const struct pf_handler *const table[] = {
	&handler_echo,
	&handler_hello,
	&handler_daytime,
	&handler_time,
	&handler_upper,
	&handler_discard,
	&handler_chargen,
};

#define N_HANDLERS   (sizeof(table) / sizeof(table[0]))
#define SETTINGS_MAX 64 /* of all handlers together */

const struct pf_handler *
handlers_find(const char *name)
{
	for (size_t i = 0; i < N_HANDLERS; i++) {
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	}
	return NULL;
}

static enum setting_type
type_of(enum pf_setting_type type)
{
	switch (type) {
	case PF_INTEGER:
		return SETTING_INTEGER;
	case PF_DURATION:
		return SETTING_DURATION;
	case PF_SIZE:
		return SETTING_SIZE;
	case PF_BOOLEAN:
		return SETTING_BOOLEAN;
	case PF_STRING:
		break;
	}
	return SETTING_STRING;
}

static struct setting
convert(const struct pf_setting *from)
{
	return (struct setting){
		.section = SECTION_HANDLER,
		.name = from->name,
		.type = type_of(from->type),
		.fallback = from->fallback,
		.min = from->min,
		.max = from->max,
		.change = CHANGE_WORKERS,
		.help = from->help,
		.check = from->check,
	};
}

static void
fill(struct handler_info *infos, struct setting *settings)
{
	for (size_t i = 0; i < N_HANDLERS; i++) {
		const struct pf_handler *handler = table[i];
		infos[i] = (struct handler_info){
			.name = handler->name,
			.help = handler->help,
			.stream = (handler->transports & PF_STREAM) != 0,
			.datagram = (handler->transports & PF_DATAGRAM) != 0,
			.settings = settings,
			.n_settings = handler->n_settings,
		};
		for (size_t j = 0; j < handler->n_settings; j++)
			*settings++ = convert(&handler->settings[j]);
	}
}

const struct handler_catalog *
worker_handlers(void)
{
	static struct setting settings[SETTINGS_MAX];
	static struct handler_info infos[N_HANDLERS];
	static struct handler_catalog catalog;

	if (catalog.n == 0) {
		fill(infos, settings);
		catalog.handlers = infos;
		catalog.n = N_HANDLERS;
	}
	return &catalog;
}
