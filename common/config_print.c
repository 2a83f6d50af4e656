/* SPDX-License-Identifier: ISC */
/*
 * Configurations as text again: the effective file, and what differs between
 * two of them. Both go by the canonical text of each setting. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/config_value.h"
#include "common/tls_server.h"

static char *
text_of(const struct setting *setting, const void *object)
{
	return config_value_format(
	    setting, (const char *)object + setting->offset);
}

/* A semicolon after a blank would begin a comment. */
static void
print_value(const char *name, const char *text, FILE *out)
{
	fprintf(out, "%s =%s%s\n", name, *text == ';' ? "" : " ", text);
}

/* Each in a line of its own, since lines have an end. */
static void
print_addresses(
    const char *name, const struct address_list *addresses, FILE *out)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < addresses->n; i++)
		print_value(name,
		    address_format(&addresses->items[i], text, sizeof(text)),
		    out);
}

static void
print_paths(const char *name, const struct path_list *paths, FILE *out)
{
	for (size_t i = 0; i < paths->n; i++)
		print_value(name, paths->items[i], out);
	if (paths->n == 0)
		print_value(name, "none", out);
}

static void
print_setting(const struct setting *setting, const void *object, FILE *out)
{
	const void *field = (const char *)object + setting->offset;

	if (setting->type == SETTING_ADDRESS) {
		print_addresses(setting->name, field, out);
		return;
	}
	if (setting->type == SETTING_PATHS) {
		print_paths(setting->name, field, out);
		return;
	}
	char *text = text_of(setting, object);
	print_value(setting->name, text == NULL ? "" : text, out);
	free(text);
}

static void
print_object(enum setting_section kind, const void *object, FILE *out)
{
	for (size_t i = 0; i < settings_count; i++) {
		if (settings_table[i].section == kind)
			print_setting(&settings_table[i], object, out);
	}
}

void
config_print(const struct config *config, FILE *out)
{
	fprintf(out, "# effective configuration of %s\n\n[preforkd]\n",
	    config->path);
	print_object(SECTION_DAEMON, &config->daemon, out);
	for (size_t i = 0; i < config->n_pools; i++) {
		fprintf(out, "\n[pool %s]\n", config->pools[i]->name);
		print_object(SECTION_POOL, config->pools[i], out);
	}
	for (size_t i = 0; i < config->n_services; i++) {
		const struct service_config *service = config->services[i];
		fprintf(out, "\n[service %s]\n", service->name);
		print_object(SECTION_SERVICE, service, out);
		for (size_t v = 0; v < service->n_values; v++)
			print_value(service->values[v].setting->name,
			    service->values[v].text, out);
	}
}

static bool
add_change(struct config_changes *changes, struct config_change change)
{
	struct config_change *grown =
	    reallocarray(changes->items, changes->n + 1, sizeof(*grown));

	if (grown == NULL)
		return false;
	changes->items = grown;
	grown[changes->n++] = change;
	return true;
}

/* Takes both texts over. */
static bool
compare_texts(struct config_changes *changes, enum setting_section section,
    const char *name, const struct setting *setting, char *before, char *after)
{
	if (before == NULL || after == NULL || strcmp(before, after) == 0) {
		bool memory = before != NULL && after != NULL;
		free(before);
		free(after);
		return memory;
	}
	if (add_change(changes,
		(struct config_change){
		    section, name, setting, before, after }))
		return true;
	free(before);
	free(after);
	return false;
}

static bool
compare_objects(struct config_changes *changes, enum setting_section kind,
    const char *name, const void *before, const void *after)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		if (setting->section == kind &&
		    !compare_texts(changes, kind, name, setting,
			text_of(setting, before), text_of(setting, after)))
			return false;
	}
	return true;
}

static char *
contents(const struct tls_server *server)
{
	char text[32];

	snprintf(text, sizeof(text), "contents %.16s",
	    tls_server_fingerprint(server));
	return strdup(text);
}

/* A file may have other contents under the same name. */
static bool
compare_certificates(struct config_changes *changes,
    const struct service_config *before, const struct service_config *after)
{
	if (before->tls == NULL || after->tls == NULL ||
	    tls_server_equal(before->tls, after->tls))
		return true;
	char *was = contents(before->tls), *is = contents(after->tls);
	return compare_texts(changes, SECTION_SERVICE, after->name,
	    settings_find(SECTION_SERVICE, "tls_certificate"), was, is);
}

/* A whole section came or went. */
static bool
add_section(struct config_changes *changes, enum setting_section section,
    const char *name, bool added)
{
	struct config_change change = { .section = section, .name = name };
	char *there = strdup(name);

	if (added)
		change.after = there;
	else
		change.before = there;
	if (there != NULL && add_change(changes, change))
		return true;
	free(there);
	return false;
}

static bool
compare_handler_values(struct config_changes *changes,
    const struct service_config *before, const struct service_config *after)
{
	/* Another handler has other settings; that it changed is enough. */
	if (strcmp(before->handler, after->handler) != 0)
		return true;
	for (size_t i = 0; i < after->n_values; i++) {
		if (!compare_texts(changes, SECTION_HANDLER, after->name,
			after->values[i].setting,
			strdup(before->values[i].text),
			strdup(after->values[i].text)))
			return false;
	}
	return true;
}

static bool
compare_pools(struct config_changes *changes, const struct config *before,
    const struct config *after)
{
	for (size_t i = 0; i < after->n_pools; i++) {
		const struct pool_config *is = after->pools[i];
		const struct pool_config *was = config_pool(before, is->name);
		if (was == NULL
			? !add_section(changes, SECTION_POOL, is->name, true)
			: !compare_objects(
			      changes, SECTION_POOL, is->name, was, is))
			return false;
	}
	for (size_t i = 0; i < before->n_pools; i++) {
		const char *name = before->pools[i]->name;
		if (config_pool(after, name) == NULL &&
		    !add_section(changes, SECTION_POOL, name, false))
			return false;
	}
	return true;
}

static bool
compare_services(struct config_changes *changes, const struct config *before,
    const struct config *after)
{
	for (size_t i = 0; i < after->n_services; i++) {
		const struct service_config *is = after->services[i];
		const struct service_config *was =
		    config_service(before, is->name);
		if (was == NULL) {
			if (!add_section(
				changes, SECTION_SERVICE, is->name, true))
				return false;
		} else if (!compare_objects(
			       changes, SECTION_SERVICE, is->name, was, is) ||
		    !compare_certificates(changes, was, is) ||
		    !compare_handler_values(changes, was, is))
			return false;
	}
	for (size_t i = 0; i < before->n_services; i++) {
		const char *name = before->services[i]->name;
		if (config_service(after, name) == NULL &&
		    !add_section(changes, SECTION_SERVICE, name, false))
			return false;
	}
	return true;
}

bool
config_compare(const struct config *before, const struct config *after,
    struct config_changes *changes)
{
	*changes = (struct config_changes){ 0 };
	if (compare_objects(
		changes, SECTION_DAEMON, "", &before->daemon, &after->daemon) &&
	    compare_pools(changes, before, after) &&
	    compare_services(changes, before, after))
		return true;
	config_changes_clear(changes);
	return false;
}

void
config_changes_clear(struct config_changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		free(changes->items[i].before);
		free(changes->items[i].after);
	}
	free(changes->items);
	*changes = (struct config_changes){ 0 };
}
