/* SPDX-License-Identifier: ISC */
/*
 * The second half of reading a configuration: sections become objects, by the
 * table in settings.c and what the handlers declare. Goes on after an error,
 * so that one pass tells all.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_build.h"
#include "common/config_raw.h"
#include "common/config_unknown.h"
#include "common/config_value.h"
#include "common/log.h"

/* What building works with. */
struct building {
	struct config *config;
	const struct handler_catalog *catalog;
	struct errors *errors;
};

static void *
field_of(void *object, const struct setting *setting)
{
	return (char *)object + setting->offset;
}

/* Folder of the file that a value stands in: relative paths begin there. */
static const char *
base_of(const char *file, char *buf, size_t size)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(file, '/');

	snprintf(folder, sizeof(folder), "%.*s",
	    slash == NULL ? 1 : (int)(slash - file) + 1,
	    slash == NULL ? "." : file);
	/* Without links, so that ".." can be taken off it. */
	if (size < PATH_MAX || realpath(folder, buf) == NULL)
		strlcpy(buf, folder, size);
	return buf;
}

static void
complain_of_value(const struct building *building,
    const struct raw_value *value, const char *why)
{
	char quote[256];

	log_escape(quote, sizeof(quote), value->text, strlen(value->text));
	errors_add(building->errors, value->place.file, value->place.line,
	    "\"%s = %s\" %s", value->key, quote, why);
}

static bool
parse_value(const struct building *building, const struct setting *setting,
    const struct raw_value *value, void *field)
{
	char base[PATH_MAX], why[512];

	if (config_value_parse(setting, value->text,
		base_of(value->place.file, base, sizeof(base)), field, why,
		sizeof(why)))
		return true;
	complain_of_value(building, value, why);
	return false;
}

static void
parse_default(
    const struct building *building, const struct setting *setting, void *field)
{
	char why[512];

	if (!config_value_parse(
		setting, setting->fallback, "/", field, why, sizeof(why)))
		errors_add(building->errors, building->config->path, 0,
		    "the default \"%s = %s\" %s", setting->name,
		    setting->fallback, why);
}

/* The default user need not exist where nobody becomes him, and is no user's
 * but root's. */
static void
set_default(
    const struct building *building, const struct setting *setting, void *field)
{
	if (setting->type == SETTING_USER || setting->type == SETTING_GROUP)
		*(char **)field =
		    strdup(geteuid() == 0 ? setting->fallback : "");
	else
		parse_default(building, setting, field);
}

static void
complain_of_repetition(
    const struct building *building, const struct raw_value *first)
{
	struct raw_value *again =
	    config_raw_next((struct raw_value *)(uintptr_t)first);

	for (; again != NULL; again = config_raw_next(again))
		errors_add(building->errors, again->place.file,
		    again->place.line, "\"%s\" is set already, at %s:%d",
		    again->key, first->place.file, first->place.line);
}

static bool
add_place(struct service_config *service, const struct config_place *place)
{
	struct config_place *grown = reallocarray(
	    service->listen_places, service->listen.n, sizeof(*grown));

	if (grown == NULL)
		return false;
	service->listen_places = grown;
	grown[service->listen.n - 1] = *place;
	return true;
}

/* One word, so that each wrong one is told by itself. */
static void
parse_listen_word(const struct building *building,
    struct service_config *service, const struct setting *setting,
    const struct raw_value *value)
{
	if (!parse_value(building, setting, value, &service->listen) ||
	    add_place(service, &value->place))
		return;
	service->listen.n--;
	errors_add(building->errors, NULL, 0, "out of memory");
}

/* `listen` may be repeated; each address remembers its line. */
static void
parse_listen(const struct building *building, struct service_config *service,
    const struct setting *setting, struct raw_value *value)
{
	for (; value != NULL; value = config_raw_next(value)) {
		char *copy = strdup(value->text), *rest = copy;
		struct raw_value word = *value;
		bool any = copy == NULL;

		if (copy == NULL)
			errors_add(building->errors, NULL, 0, "out of memory");
		while ((word.text = strsep(&rest, " \t,")) != NULL) {
			if (*word.text == '\0')
				continue;
			any = true;
			parse_listen_word(building, service, setting, &word);
		}
		if (!any) /* says that it is empty */
			parse_value(building, setting, value, &service->listen);
		free(copy);
	}
}

/* May be repeated, too. */
static void
parse_paths(const struct building *building, const struct setting *setting,
    struct raw_value *value, struct path_list *list)
{
	for (; value != NULL; value = config_raw_next(value)) {
		size_t before = list->n;
		if (parse_value(building, setting, value, list) &&
		    list->n > before)
			list->places[before] = value->place;
	}
}

static void
set_one(const struct building *building, struct raw_section *section,
    const struct setting *setting, void *object)
{
	struct raw_value *value =
	    section == NULL ? NULL : config_raw_find(section, setting->name);
	void *field = field_of(object, setting);

	if (value != NULL && setting->type == SETTING_ADDRESS)
		parse_listen(building, object, setting, value);
	else if (value != NULL && setting->type == SETTING_PATHS)
		parse_paths(building, setting, value, field);
	else if (value != NULL) {
		complain_of_repetition(building, value);
		if (!parse_value(building, setting, value, field) &&
		    setting->fallback != NULL)
			set_default(building, setting, field);
	} else if (setting->fallback != NULL)
		set_default(building, setting, field);
	else if (section != NULL)
		errors_add(building->errors, section->place.file,
		    section->place.line, "[%s] has no \"%s\", which is needed",
		    section->heading, setting->name);
}

static void
set_all(const struct building *building, struct raw_section *section,
    enum setting_section kind, void *object)
{
	for (size_t i = 0; i < settings_count; i++) {
		if (settings_table[i].section == kind)
			set_one(building, section, &settings_table[i], object);
	}
}

/* Numbers of any type into one field; texts stay texts. */
static bool
parse_handler_value(const struct building *building, struct handler_value *into,
    const struct raw_value *value)
{
	const struct setting *setting = into->setting;
	bool flag;
	int word;

	switch (setting->type) {
	case SETTING_BOOLEAN:
		if (!parse_value(building, setting, value, &flag))
			return false;
		into->number = flag;
		return true;
	case SETTING_ENUM:
		if (!parse_value(building, setting, value, &word))
			return false;
		into->number = word;
		return true;
	case SETTING_NETWORKS:
		return parse_value(building, setting, value, &into->networks);
	case SETTING_COMMAND:
		return parse_value(building, setting, value, &into->command);
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_USER:
	case SETTING_GROUP:
	case SETTING_PATH:
		return parse_value(building, setting, value, &into->text);
	default:
		return parse_value(building, setting, value, &into->number);
	}
}

static char *
handler_value_text(const struct handler_value *value)
{
	const struct setting *setting = value->setting;
	bool flag = value->number != 0;
	int word = (int)value->number;

	switch (setting->type) {
	case SETTING_BOOLEAN:
		return config_value_format(setting, &flag);
	case SETTING_ENUM:
		return config_value_format(setting, &word);
	case SETTING_NETWORKS:
		return config_value_format(setting, &value->networks);
	case SETTING_COMMAND:
		return config_value_format(setting, &value->command);
	default:
		return config_value_format(setting, &value->number);
	}
}

static void
set_handler_value(const struct building *building, struct raw_section *section,
    struct handler_value *into)
{
	const struct setting *setting = into->setting;
	struct raw_value *value = config_raw_find(section, setting->name);
	struct raw_value fallback = {
		.key = (char *)(uintptr_t)setting->name,
		.text = (char *)(uintptr_t)setting->fallback,
		.place = section->place,
	};

	if (value != NULL)
		complain_of_repetition(building, value);
	else if (setting->fallback == NULL) {
		errors_add(building->errors, section->place.file,
		    section->place.line, "[%s] has no \"%s\", which is needed",
		    section->heading, setting->name);
		return;
	} else
		value = &fallback;
	/* Whatever the type, the text is there to be printed and compared. */
	if (parse_handler_value(building, into, value) && into->text == NULL)
		into->text = handler_value_text(into);
	if (into->text == NULL && errors_none(building->errors))
		errors_add(building->errors, NULL, 0, "out of memory");
}

static void
set_handler_values(const struct building *building, struct raw_section *section,
    struct service_config *service, const struct handler_info *handler)
{
	service->values =
	    calloc(handler->n_settings + 1, sizeof(*service->values));
	if (service->values == NULL) {
		errors_add(building->errors, NULL, 0, "out of memory");
		return;
	}
	service->n_values = handler->n_settings;
	for (size_t i = 0; i < handler->n_settings; i++) {
		service->values[i].setting = &handler->settings[i];
		set_handler_value(building, section, &service->values[i]);
	}
}

static struct pool_config *
add_pool(
    struct building *building, const char *name, struct raw_section *section)
{
	struct config *config = building->config;
	struct pool_config **grown = reallocarray(
	    config->pools, config->n_pools + 1, sizeof(struct pool_config *));

	if (grown == NULL)
		return NULL;
	config->pools = grown;
	struct pool_config *pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return NULL;
	pool->index = config->n_pools;
	grown[config->n_pools++] = pool;
	pool->name = strdup(name);
	if (section != NULL)
		pool->place = section->place;
	else
		pool->place.file = config->path;
	set_all(building, section, SECTION_POOL, pool);
	return pool->name == NULL ? NULL : pool;
}

static struct service_config *
add_service(struct building *building, struct raw_section *section)
{
	struct config *config = building->config;
	struct service_config **grown = reallocarray(config->services,
	    config->n_services + 1, sizeof(struct service_config *));

	if (grown == NULL)
		return NULL;
	config->services = grown;
	struct service_config *service = calloc(1, sizeof(*service));
	if (service == NULL)
		return NULL;
	service->index = config->n_services;
	grown[config->n_services++] = service;
	service->name = strdup(section->name);
	service->place = section->place;
	set_all(building, section, SECTION_SERVICE, service);
	return service->name == NULL ? NULL : service;
}

static bool
build_service(struct building *building, struct raw_section *section)
{
	struct service_config *service = add_service(building, section);

	if (service == NULL)
		return false;
	const struct handler_info *handler =
	    config_handler(building->catalog, service->handler);
	if (handler != NULL)
		set_handler_values(building, section, service, handler);
	else if (service->handler != NULL)
		config_unknown_handler(section, service->handler,
		    building->catalog, building->errors);
	/* Without a handler, what is its setting cannot be known. */
	if (handler != NULL || service->handler == NULL)
		config_unknown_keys(
		    section, handler, building->catalog, building->errors);
	return true;
}

static bool
build_section(struct building *building, struct raw_section *section)
{
	bool good = true;

	if (section->kind == SECTION_SERVICE)
		return build_service(building, section);
	if (section->kind == SECTION_POOL &&
	    strcmp(section->name, "default") != 0)
		good = add_pool(building, section->name, section) != NULL;
	config_unknown_keys(section, NULL, building->catalog, building->errors);
	return good;
}

void
config_build(struct config *config, const struct handler_catalog *catalog,
    struct errors *errors)
{
	struct building building = { config, catalog, errors };
	struct raw_section *section;

	set_all(&building,
	    config_raw_section(config->extra, SECTION_DAEMON, ""),
	    SECTION_DAEMON, &config->daemon);
	bool good = add_pool(&building, "default",
			config_raw_section(
			    config->extra, SECTION_POOL, "default")) != NULL;
	STAILQ_FOREACH (section, &config->extra->sections, entry) {
		if (!section->ignored)
			good = build_section(&building, section) && good;
	}
	if (!good)
		errors_add(errors, NULL, 0, "out of memory");
}
