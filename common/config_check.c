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
#include "common/config_raw.h"
#include "common/nearest.h"
#include "common/tls_server.h"

#define POOL_ADDRESSES_MAX 512 /* "*" counts twice; see worker/worker.h */

struct checking {
	struct config *config;
	const struct handler_catalog *catalog;
	struct errors *errors;
};

static struct config_place
place_of(const struct checking *checking, enum setting_section kind,
    const char *name, const char *key)
{
	return config_place_of(checking->config, kind, name, key);
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
	    config_handler(checking->catalog, service->handler);

	/* A missing or unknown one has been told when it was read. */
	for (size_t i = 0; handler != NULL && i < service->listen.n; i++)
		check_transport(checking, service, handler, i);
}

/* The kernel's choice of a port is another one each time. */
static bool
may_repeat(const struct address *address)
{
	return address_is_inet(address) && address->port == 0;
}

/* A socket file is one, whatever kind of socket it is. */
static bool
is_same(const struct address *a, const struct address *b)
{
	if (address_equal(a, b))
		return true;
	return !address_is_inet(a) && !address_is_inet(b) &&
	    a->kind != ADDRESS_FD && b->kind != ADDRESS_FD && !a->abstract &&
	    !b->abstract && strcmp(a->path, b->path) == 0;
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
			if (!is_same(address, &other->listen.items[j]))
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
check_against_control(const struct checking *checking,
    const struct address *address, const struct config_place *place)
{
	const char *control = checking->config->daemon.control;

	if (address_is_inet(address) || address->kind == ADDRESS_FD ||
	    address->abstract || strcmp(address->path, control) != 0)
		return;
	errors_add(checking->errors, place->file, place->line,
	    "\"%s\" is the control socket", control);
}

static void
check_addresses(
    const struct checking *checking, const struct service_config *service)
{
	for (size_t i = 0; i < service->listen.n; i++) {
		check_against_control(checking, &service->listen.items[i],
		    &service->listen_places[i]);
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

/* Only root can become somebody else, or give files away. */
static void
check_user(const struct checking *checking, enum setting_section kind,
    const char *name, const char *key, const char *user)
{
	const struct passwd *pw = *user == '\0' ? NULL : getpwnam(user);

	if (geteuid() == 0 || pw == NULL || pw->pw_uid == geteuid())
		return;
	struct config_place place = place_of(checking, kind, name, key);
	errors_add(checking->errors, place.file, place.line,
	    "\"%s = %s\" is not who runs this, and only root can change that",
	    key, user);
}

static bool
is_in_group(gid_t gid)
{
	static gid_t groups[65536]; /* NGROUPS_MAX */
	int n = getgroups(sizeof(groups) / sizeof(groups[0]), groups);

	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return gid == getegid();
}

/* FILES: of files, which may be given to any group that one is in. */
static void
check_group(const struct checking *checking, enum setting_section kind,
    const char *name, const char *key, const char *group, bool files)
{
	const struct group *gr = *group == '\0' ? NULL : getgrnam(group);

	if (geteuid() == 0 || gr == NULL || gr->gr_gid == getegid() ||
	    (files && is_in_group(gr->gr_gid)))
		return;
	struct config_place place = place_of(checking, kind, name, key);
	errors_add(checking->errors, place.file, place.line,
	    "\"%s = %s\" is no group of who runs this, and only root can "
	    "change that",
	    key, group);
}

static void
check_accounts(const struct checking *checking)
{
	const struct config *config = checking->config;
	const struct daemon_config *daemon = &config->daemon;

	check_user(checking, SECTION_DAEMON, "", "user", daemon->user);
	check_group(
	    checking, SECTION_DAEMON, "", "group", daemon->group, false);
	check_group(checking, SECTION_DAEMON, "", "control_group",
	    daemon->control_group, true);
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_config *pool = config->pools[i];
		check_user(
		    checking, SECTION_POOL, pool->name, "user", pool->user);
		check_group(checking, SECTION_POOL, pool->name, "group",
		    pool->group, false);
	}
	for (size_t i = 0; i < config->n_services; i++) {
		const struct service_config *service = config->services[i];
		check_user(checking, SECTION_SERVICE, service->name,
		    "socket_owner", service->socket_owner);
		check_group(checking, SECTION_SERVICE, service->name,
		    "socket_group", service->socket_group, true);
	}
}

static bool
speaks_tls(const struct service_config *service)
{
	for (size_t i = 0; i < service->listen.n; i++) {
		if (service->listen.items[i].tls)
			return true;
	}
	return false;
}

/* Makes what it speaks TLS with. */
static void
check_tls(const struct checking *checking, struct service_config *service)
{
	const struct path_list *files = &service->tls_certificate;

	if (speaks_tls(service))
		service->tls = tls_server_new(checking->config, service,
		    checking->errors, &checking->config->extra->warnings);
	else if (files->n > 0)
		errors_add(checking->errors, files->places[0].file,
		    files->places[0].line,
		    "[service %s] has a \"tls_certificate\" and speaks no TLS; "
		    "it would with an address such as tls://*:443",
		    service->name);
}

/* A heading that was wrong may have been meant as one. */
static void
check_there_is_one(const struct checking *checking)
{
	const struct raw_section *section;

	if (checking->config->n_services > 0)
		return;
	STAILQ_FOREACH (section, &checking->config->extra->sections, entry) {
		if (section->ignored)
			return;
	}
	errors_add(checking->errors, checking->config->path, 0,
	    "there is no [service NAME], so there is nothing to do");
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
config_check(struct config *config, const struct handler_catalog *catalog,
    struct errors *errors)
{
	const struct checking checking = { config, catalog, errors };

	check_control_path(&checking);
	check_accounts(&checking);
	for (size_t i = 0; i < config->n_services; i++) {
		check_pool_of(&checking, config->services[i]);
		check_handler(&checking, config->services[i]);
		check_addresses(&checking, config->services[i]);
		check_tls(&checking, config->services[i]);
	}
	for (size_t i = 0; i < config->n_pools; i++)
		check_number_of_addresses(&checking, config->pools[i]);
	check_there_is_one(&checking);
}
