/* SPDX-License-Identifier: ISC */
/*
 * Configurations as objects: read in steps (config_raw.c, config_build.c,
 * config_check.c), shared by counting, never changed once they are whole.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/config_build.h"
#include "common/config_check.h"
#include "common/config_raw.h"
#include "common/config_value.h"
#include "common/tls_server.h"

/* The folder is made absolute; the file itself may be a link, as container
 * platforms lay configurations out. */
static char *
absolute_path(const char *path)
{
	char folder[PATH_MAX], copy[PATH_MAX];
	char *whole = NULL;
	const char *slash = strrchr(path, '/');

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy) ||
	    (slash != NULL && slash[1] == '\0') ||
	    realpath(dirname(copy), folder) == NULL)
		return strdup(path);
	if (asprintf(&whole, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
		slash == NULL ? path : slash + 1) == -1)
		return NULL;
	return whole;
}

static bool
is_text(enum setting_type type)
{
	return type == SETTING_STRING || type == SETTING_NAME ||
	    type == SETTING_USER || type == SETTING_GROUP ||
	    type == SETTING_PATH;
}

/* Whether OBJECT has each text that has a default, which is there also in
 * place of a wrong one. */
static bool
has_texts(enum setting_section kind, const void *object)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		const char *const *text =
		    (const void *)((const char *)object + setting->offset);
		if (setting->section == kind && setting->fallback != NULL &&
		    is_text(setting->type) && *text == NULL)
			return false;
	}
	return true;
}

/* Nothing that is missing for lack of memory; else checks would stumble. */
static bool
is_whole(const struct config *config)
{
	if (!has_texts(SECTION_DAEMON, &config->daemon))
		return false;
	for (size_t i = 0; i < config->n_pools; i++) {
		if (config->pools[i]->name == NULL ||
		    !has_texts(SECTION_POOL, config->pools[i]))
			return false;
	}
	for (size_t i = 0; i < config->n_services; i++) {
		if (config->services[i]->name == NULL ||
		    !has_texts(SECTION_SERVICE, config->services[i]))
			return false;
	}
	return true;
}

struct config *
config_load(const char *path, const struct handler_catalog *catalog,
    struct errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config != NULL) {
		config->references = 1;
		config->path = absolute_path(path);
		config->extra = config_extra_new();
	}
	if (config == NULL || config->path == NULL || config->extra == NULL) {
		errors_add(errors, path, 0, "out of memory");
		config_unref(config);
		return NULL;
	}
	config_raw_read(config->extra, config->path, errors);
	/* What cannot be opened has one error, not one and its echo. */
	if (errors_none(errors) || !STAILQ_EMPTY(&config->extra->sections)) {
		config_build(config, catalog, errors);
		if (is_whole(config))
			config_check(config, catalog, errors);
		else
			errors_add(errors, path, 0, "out of memory");
	}
	if (errors_none(errors))
		return config;
	config_unref(config);
	return NULL;
}

const struct errors *
config_warnings(const struct config *config)
{
	return &config->extra->warnings;
}

struct config *
config_ref(struct config *config)
{
	config->references++;
	return config;
}

static void
clear_all(enum setting_section kind, void *object)
{
	for (size_t i = 0; i < settings_count; i++) {
		if (settings_table[i].section == kind)
			config_value_clear(&settings_table[i],
			    (char *)object + settings_table[i].offset);
	}
}

static void
pool_free(struct pool_config *pool)
{
	clear_all(SECTION_POOL, pool);
	free(pool->name);
	free(pool);
}

static void
service_free(struct service_config *service)
{
	clear_all(SECTION_SERVICE, service);
	for (size_t i = 0; i < service->n_values; i++) {
		struct handler_value *value = &service->values[i];
		const struct setting *setting = value->setting;
		free(value->text);
		if (setting->type == SETTING_NETWORKS)
			config_value_clear(setting, &value->networks);
		else if (setting->type == SETTING_COMMAND)
			config_value_clear(setting, &value->command);
	}
	free(service->values);
	tls_server_free(service->tls);
	free(service->listen_places);
	free(service->name);
	free(service);
}

void
config_unref(struct config *config)
{
	if (config == NULL || --config->references > 0)
		return;
	for (size_t i = 0; i < config->n_services; i++)
		service_free(config->services[i]);
	for (size_t i = 0; i < config->n_pools; i++)
		pool_free(config->pools[i]);
	free(config->services);
	free(config->pools);
	clear_all(SECTION_DAEMON, &config->daemon);
	config_extra_free(config->extra);
	free(config->path);
	free(config);
}

const struct service_config *
config_service(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_services; i++) {
		if (strcmp(config->services[i]->name, name) == 0)
			return config->services[i];
	}
	return NULL;
}

const struct pool_config *
config_pool(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		if (strcmp(config->pools[i]->name, name) == 0)
			return config->pools[i];
	}
	return NULL;
}

const struct handler_info *
config_handler(const struct handler_catalog *catalog, const char *name)
{
	for (size_t i = 0; name != NULL && i < catalog->n; i++) {
		if (strcmp(catalog->handlers[i].name, name) == 0)
			return &catalog->handlers[i];
	}
	return NULL;
}

struct config_place
config_place_of(const struct config *config, enum setting_section section,
    const char *name, const char *key)
{
	const struct raw_section *written =
	    config_raw_section(config->extra, section, name);
	const struct raw_value *value;

	if (written == NULL)
		return (struct config_place){ config->path, 0 };
	STAILQ_FOREACH (value, &written->values, entry) {
		if (strcmp(value->key, key) == 0)
			return value->place;
	}
	return written->place;
}
