/* SPDX-License-Identifier: ISC */
/*
 * From the differences of two configurations to what a reload does: which
 * pools get new workers, which only a new number, what cannot be done without
 * a restart. Supervisor only; pure.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/plan.h"

static struct plan_pool *
find_pool(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_pools; i++) {
		const struct plan_pool *pool = &plan->pools[i];
		const struct pool_config *config =
		    pool->after != NULL ? pool->after : pool->before;
		if (strcmp(config->name, name) == 0)
			return &plan->pools[i];
	}
	return NULL;
}

static bool
collect_pools(
    struct plan *plan, const struct config *before, const struct config *after)
{
	size_t n_before = before == NULL ? 0 : before->n_pools;

	plan->pools = calloc(n_before + after->n_pools, sizeof(*plan->pools));
	if (plan->pools == NULL)
		return false;
	for (size_t i = 0; i < after->n_pools; i++)
		plan->pools[plan->n_pools++].after = after->pools[i];
	for (size_t i = 0; i < n_before; i++) {
		struct plan_pool *pool =
		    find_pool(plan, before->pools[i]->name);
		if (pool == NULL)
			pool = &plan->pools[plan->n_pools++];
		pool->before = before->pools[i];
	}
	return true;
}

static void
renew(const struct plan *plan, const char *name)
{
	struct plan_pool *pool = find_pool(plan, name);

	if (pool != NULL)
		pool->renew = true;
}

/* The pools that have the service now, and that will have it. */
static void
renew_pools_of(const struct plan *plan, const char *service,
    const struct config *before, const struct config *after)
{
	const struct service_config *was = config_service(before, service);
	const struct service_config *is = config_service(after, service);

	if (was != NULL)
		renew(plan, was->pool);
	if (is != NULL)
		renew(plan, is->pool);
}

static bool
needs_workers(const struct config_change *change)
{
	/* A whole section, or a setting that workers have taken in. */
	return change->setting == NULL ||
	    change->setting->change == CHANGE_WORKERS ||
	    change->setting->change == CHANGE_REBIND;
}

static void
apply_change(struct plan *plan, const struct config_change *change,
    const struct config *before, const struct config *after)
{
	if (change->setting != NULL &&
	    change->setting->change == CHANGE_RESTART)
		plan->restart = true;
	if (!needs_workers(change))
		return;
	switch (change->section) {
	case SECTION_DAEMON:
		for (size_t i = 0; i < plan->n_pools; i++)
			plan->pools[i].renew = true;
		break;
	case SECTION_POOL:
		renew(plan, change->name);
		break;
	case SECTION_SERVICE:
	case SECTION_HANDLER:
		renew_pools_of(plan, change->name, before, after);
		break;
	}
}

static bool
has_datagrams(const struct service_config *service)
{
	for (size_t i = 0; service != NULL && i < service->listen.n; i++) {
		if (address_socket_type(&service->listen.items[i]) ==
		    SOCK_DGRAM)
			return true;
	}
	return false;
}

static bool
touches_datagrams(const struct config_change *change,
    const struct config *before, const struct config *after)
{
	if (change->section != SECTION_SERVICE)
		return false;
	if (change->setting != NULL && change->setting->type != SETTING_ADDRESS)
		return false;
	return has_datagrams(config_service(before, change->name)) ||
	    has_datagrams(config_service(after, change->name));
}

/* Workers that answer datagrams know all datagram ports of the daemon, so as
 * never to answer themselves: a new one concerns all of them. */
static void
renew_datagram_pools(const struct plan *plan, const struct config *after)
{
	for (size_t i = 0; i < after->n_services; i++) {
		if (has_datagrams(after->services[i]))
			renew(plan, after->services[i]->pool);
	}
}

static void
apply_changes(
    struct plan *plan, const struct config *before, const struct config *after)
{
	bool datagrams = false;

	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct config_change *change = &plan->changes.items[i];
		apply_change(plan, change, before, after);
		datagrams |= touches_datagrams(change, before, after);
	}
	if (datagrams)
		renew_datagram_pools(plan, after);
}

bool
plan_make(
    struct plan *plan, const struct config *before, const struct config *after)
{
	*plan = (struct plan){ 0 };
	if (!collect_pools(plan, before, after))
		return false;
	if (before == NULL) {
		for (size_t i = 0; i < plan->n_pools; i++)
			plan->pools[i].renew = true;
		return true;
	}
	if (!config_compare(before, after, &plan->changes)) {
		plan_clear(plan);
		return false;
	}
	apply_changes(plan, before, after);
	return true;
}

void
plan_clear(struct plan *plan)
{
	config_changes_clear(&plan->changes);
	free(plan->pools);
	*plan = (struct plan){ 0 };
}

char *
plan_restart_names(const struct plan *plan, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct setting *setting = plan->changes.items[i].setting;
		if (setting == NULL || setting->change != CHANGE_RESTART)
			continue;
		if (buf[0] != '\0')
			strlcat(buf, ", ", size);
		strlcat(buf, setting->name, size);
	}
	return buf;
}

static void
print_change(const struct config_change *change, struct buffer *out)
{
	const char *kind =
	    change->section == SECTION_POOL ? "pool " : "service ";

	buffer_printf(out, "[%s%s] ",
	    change->section == SECTION_DAEMON ? "preforkd" : kind,
	    change->name);
	if (change->setting == NULL) {
		buffer_text(
		    out, change->before == NULL ? "added\n" : "removed\n");
		return;
	}
	buffer_printf(out, "%s: %s -> %s (needs %s)\n", change->setting->name,
	    change->before == NULL ? "" : change->before,
	    change->after == NULL ? "" : change->after,
	    settings_change_name(change->setting->change));
}

static void
print_pool(const struct plan_pool *pool, struct buffer *out)
{
	if (pool->after == NULL)
		buffer_printf(out, "pool %s: removed, its workers drain\n",
		    pool->before->name);
	else if (pool->before == NULL)
		buffer_printf(out, "pool %s: added\n", pool->after->name);
	else
		buffer_printf(out, "pool %s: %s\n", pool->after->name,
		    pool->renew ? "new workers" : "keeps its workers");
}

/* Whether a service of AFTER takes the one listener in LISTENERS over. */
static bool
is_taken_over(const struct listener_set *listeners, const struct config *after)
{
	for (size_t s = 0; s < after->n_services; s++) {
		const struct service_config *service = after->services[s];
		for (size_t i = 0; i < service->listen.n; i++) {
			if (listener_set_has(
				listeners, service, &service->listen.items[i]))
				return true;
		}
	}
	return false;
}

static void
print_listeners(const struct config *after,
    const struct listener_set *listeners, struct buffer *out)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t s = 0; s < after->n_services; s++) {
		const struct service_config *service = after->services[s];
		for (size_t i = 0; i < service->listen.n; i++) {
			const struct address *address =
			    &service->listen.items[i];
			if (!listener_set_has(listeners, service, address))
				buffer_printf(out, "listener %s: opened\n",
				    address_format(
					address, text, sizeof(text)));
		}
	}
	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener_set one = {
			.items = &listeners->items[i],
			.n = 1,
		};
		if (!is_taken_over(&one, after))
			buffer_printf(out, "listener %s: emptied and closed\n",
			    listeners->items[i].listener->text);
	}
}

void
plan_print(const struct plan *plan, const struct config *after,
    const struct listener_set *listeners, struct buffer *out)
{
	if (plan->changes.n == 0) {
		buffer_text(out, "nothing changes\n");
		return;
	}
	for (size_t i = 0; i < plan->changes.n; i++)
		print_change(&plan->changes.items[i], out);
	for (size_t i = 0; i < plan->n_pools; i++)
		print_pool(&plan->pools[i], out);
	print_listeners(after, listeners, out);
}
