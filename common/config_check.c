/* SPDX-License-Identifier: ISC */
/*
 * What values of a configuration say about one another: pools and handlers
 * that exist, addresses used once, users that this process may become. Pure
 * but for the question who we are.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/config_check.h"
#include "common/nearest.h"

#define POOL_ADDRESSES_MAX 512 /* "*" counts twice; see worker/worker.h */

struct checking {
	struct config *config;
	struct raw_config *raw;
	const struct handler_catalog *catalog;
	struct errors *errors;
};

/* Where KEY of a section was written; the section's place when it was not. */
static struct config_place
place_of(const struct checking *checking, enum setting_section kind,
    const char *name, const char *key)
{
	struct config_place place = { checking->config->path, 0 };
	struct raw_section *section;

	STAILQ_FOREACH (section, &checking->raw->sections, entry) {
		if (section->ignored || section->kind != kind ||
		    strcmp(section->name, name) != 0)
			continue;
		struct raw_value *value = config_raw_find(section, key);
		return value == NULL ? section->place : value->place;
	}
	return place;
}

static void
check_pool_of(const struct checking *checking, struct service_config *service)
{
	const struct config *config = checking->config;
	struct nearest nearest = { 0 };

	service->pool_config = config_pool(config, service->pool);
	if (service->pool_config != NULL)
		return;
	for (size_t i = 0; i < config->n_pools; i++)
		nearest_offer(&nearest, service->pool, config->pools[i]->name);
	struct config_place place =
	    place_of(checking, SECTION_SERVICE, service->name, "pool");
	if (nearest.name != NULL)
		errors_add(checking->errors, place.file, place.line,
		    "there is no [pool %s], did you mean \"%s\"?",
		    service->pool, nearest.name);
	else
		errors_add(checking->errors, place.file, place.line,
		    "there is no [pool %s]", service->pool);
}

static const struct handler_info *
find_handler(const struct handler_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->n; i++) {
		if (strcmp(catalog->handlers[i].name, name) == 0)
			return &catalog->handlers[i];
	}
	return NULL;
}

static void
check_transport(const struct checking *checking,
    const struct service_config *service, const struct handler_info *handler,
    size_t i)
{
	const struct address *address = &service->listen.items[i];
	const struct config_place *place = &service->listen_places[i];
	bool datagram = address_socket_type(address) == SOCK_DGRAM;
	char text[ADDRESS_TEXT_MAX];

	if (address->kind == ADDRESS_FD ||
	    (datagram ? handler->datagram : handler->stream))
		return;
	errors_add(checking->errors, place->file, place->line,
	    "handler \"%s\" does not answer %s, so it cannot listen on \"%s\"",
	    handler->name, datagram ? "datagrams" : "connections",
	    address_format(address, text, sizeof(text)));
}

static void
check_handler(
    const struct checking *checking, const struct service_config *service)
{
	const struct handler_info *handler =
	    find_handler(checking->catalog, service->handler);

	/* An unknown one has been told when its settings were read. */
	for (size_t i = 0; handler != NULL && i < service->listen.n; i++)
		check_transport(checking, service, handler, i);
}

/* The kernel's choice of a port is another one each time. */
static bool
may_repeat(const struct address *address)
{
	return address_is_inet(address) && address->port == 0;
}

/* Looks for the address of SERVICE at I among those before it. */
static void
check_repeated(const struct checking *checking,
    const struct service_config *service, size_t i)
{
	const struct address *address = &service->listen.items[i];
	const struct config_place *place = &service->listen_places[i];
	char text[ADDRESS_TEXT_MAX];

	for (size_t s = 0; s <= service->index; s++) {
		const struct service_config *other =
		    checking->config->services[s];
		for (size_t j = 0; j < other->listen.n; j++) {
			if (other == service && j >= i)
				break;
			if (!address_equal(address, &other->listen.items[j]))
				continue;
			errors_add(checking->errors, place->file, place->line,
			    "\"%s\" is taken by [service %s] at %s:%d",
			    address_format(address, text, sizeof(text)),
			    other->name, other->listen_places[j].file,
			    other->listen_places[j].line);
			return;
		}
	}
}

static void
check_addresses(
    const struct checking *checking, const struct service_config *service)
{
	for (size_t i = 0; i < service->listen.n; i++) {
		if (!may_repeat(&service->listen.items[i]))
			check_repeated(checking, service, i);
	}
}

static void
check_number_of_addresses(
    const struct checking *checking, const struct pool_config *pool)
{
	size_t n = 0;

	for (size_t s = 0; s < checking->config->n_services; s++) {
		const struct service_config *service =
		    checking->config->services[s];
		if (service->pool_config == pool)
			n += service->listen.n;
	}
	if (n > POOL_ADDRESSES_MAX)
		errors_add(checking->errors, pool->place.file, pool->place.line,
		    "pool \"%s\" has %zu addresses, at most %d are allowed",
		    pool->name, n, POOL_ADDRESSES_MAX);
}

/* Only root can become somebody else. A default is not somebody's wish. */
static void
check_user(const struct checking *checking, enum setting_section kind,
    const char *name, const char *user, const char *group)
{
	const struct passwd *pw = *user == '\0' ? NULL : getpwnam(user);
	const struct group *gr = *group == '\0' ? NULL : getgrnam(group);
	struct config_place place;

	if (geteuid() == 0)
		return;
	place = place_of(checking, kind, name, "user");
	if (pw != NULL && pw->pw_uid != geteuid())
		errors_add(checking->errors, place.file, place.line,
		    "user \"%s\" is not who runs this, and only root can "
		    "change that",
		    user);
	place = place_of(checking, kind, name, "group");
	if (gr != NULL && gr->gr_gid != getegid())
		errors_add(checking->errors, place.file, place.line,
		    "group \"%s\" is not that of who runs this, and only root "
		    "can change that",
		    group);
}

static bool
is_written(const struct checking *checking, const char *key)
{
	struct raw_section *section;

	STAILQ_FOREACH (section, &checking->raw->sections, entry) {
		if (!section->ignored && section->kind == SECTION_DAEMON)
			return config_raw_find(section, key) != NULL;
	}
	return false;
}

static void
check_control_path(const struct checking *checking)
{
	const char *path = checking->config->daemon.control;
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(path) <= max)
		return;
	struct config_place place =
	    place_of(checking, SECTION_DAEMON, "", "control");
	errors_add(checking->errors, place.file, place.line,
	    "the path of the control socket has %zu bytes, at most %zu fit",
	    strlen(path), max);
}

void
config_check(struct config *config, struct raw_config *raw,
    const struct handler_catalog *catalog, struct errors *errors)
{
	const struct checking checking = { config, raw, catalog, errors };
	const struct daemon_config *daemon = &config->daemon;

	check_control_path(&checking);
	if (is_written(&checking, "user") || is_written(&checking, "group"))
		check_user(&checking, SECTION_DAEMON, "",
		    is_written(&checking, "user") ? daemon->user : "",
		    daemon->group);
	for (size_t i = 0; i < config->n_services; i++) {
		check_pool_of(&checking, config->services[i]);
		check_handler(&checking, config->services[i]);
		check_addresses(&checking, config->services[i]);
	}
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_config *pool = config->pools[i];
		check_user(&checking, SECTION_POOL, pool->name, pool->user,
		    pool->group);
		check_number_of_addresses(&checking, pool);
	}
	if (config->n_services == 0)
		errors_add(errors, config->path, 0,
		    "there is no [service NAME], so there is nothing to do");
}
