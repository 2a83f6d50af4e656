/* SPDX-License-Identifier: ISC */
/*
 * What a configuration names and nobody knows: told with what was probably
 * meant, or with where it would be right. Used while a configuration is read.
 */
#include <stdio.h>
#include <string.h>

#include "common/config_unknown.h"
#include "common/log.h"
#include "common/nearest.h"

void
config_unknown_handler(struct raw_section *section, const char *name,
    const struct handler_catalog *catalog, struct errors *errors)
{
	struct raw_value *value = config_raw_find(section, "handler");
	struct nearest nearest = { 0 };
	char names[512] = "";

	for (size_t i = 0; i < catalog->n; i++) {
		nearest_offer(&nearest, name, catalog->handlers[i].name);
		strlcat(names, i == 0 ? "" : ", ", sizeof(names));
		strlcat(names, catalog->handlers[i].name, sizeof(names));
	}
	if (nearest.name != NULL)
		errors_add(errors, value->place.file, value->place.line,
		    "there is no handler \"%s\", did you mean \"%s\"?", name,
		    nearest.name);
	else
		errors_add(errors, value->place.file, value->place.line,
		    "there is no handler \"%s\"; there are %s", name, names);
}

/* The section or handler that KEY would be right in; "" for none. */
static void
home_of(const char *key, const struct handler_catalog *catalog, char *buf,
    size_t size)
{
	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings_table[i].name, key) == 0) {
			strlcpy(buf,
			    settings_section_name(settings_table[i].section),
			    size);
			return;
		}
	}
	buf[0] = '\0';
	for (size_t h = 0; h < catalog->n; h++) {
		const struct handler_info *handler = &catalog->handlers[h];
		for (size_t i = 0; i < handler->n_settings; i++) {
			if (strcmp(handler->settings[i].name, key) == 0)
				snprintf(
				    buf, size, "handler \"%s\"", handler->name);
		}
	}
}

static void
complain_of_key(const struct raw_section *section,
    const struct raw_value *value, const struct handler_info *handler,
    const struct handler_catalog *catalog, struct errors *errors)
{
	struct nearest nearest = { 0 };
	char quote[256], home[64];

	log_escape(quote, sizeof(quote), value->key, strlen(value->key));
	for (size_t i = 0; i < settings_count; i++) {
		if (settings_table[i].section == section->kind)
			nearest_offer(
			    &nearest, value->key, settings_table[i].name);
	}
	for (size_t i = 0; handler != NULL && i < handler->n_settings; i++)
		nearest_offer(&nearest, value->key, handler->settings[i].name);
	home_of(value->key, catalog, home, sizeof(home));
	const struct config_place *place = &value->place;
	if (home[0] != '\0')
		errors_add(errors, place->file, place->line,
		    "\"%s\" does not belong in [%s]; it is a setting of %s",
		    quote, section->heading, home);
	else if (nearest.name != NULL)
		errors_add(errors, place->file, place->line,
		    "unknown setting \"%s\" in [%s], did you mean \"%s\"?",
		    quote, section->heading, nearest.name);
	else
		errors_add(errors, place->file, place->line,
		    "unknown setting \"%s\" in [%s]; preforkd --explain lists "
		    "all",
		    quote, section->heading);
}

void
config_unknown_keys(const struct raw_section *section,
    const struct handler_info *handler, const struct handler_catalog *catalog,
    struct errors *errors)
{
	const struct raw_value *value;

	STAILQ_FOREACH (value, &section->values, entry) {
		if (!value->used && !errors_full(errors))
			complain_of_key(
			    section, value, handler, catalog, errors);
	}
}
