/* SPDX-License-Identifier: ISC */
/*
 * The keys of session tickets. Supervisor only. Each service has a page, which
 * is mapped twice: for writing here, hidden from every child, and for reading,
 * which workers inherit. The seal keeps a worker from making the latter
 * writable: one that has been taken over can read tickets, as it must, but not
 * choose the keys of others.
 */
#include <sys/mman.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/tls_server.h"
#include "common/tls_tickets.h"
#include "supervisor/loop.h"
#include "supervisor/ticket_keys.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

#define RETRY_MS 60000 /* when there was no randomness */

struct ticket_keys {
	LIST_ENTRY(ticket_keys) entry;
	char *service;
	struct tls_ticket_page *write;
	const struct tls_ticket_page *read;
	int64_t lifetime_ms;
	int64_t rotated_ms;
	struct timer rotation;
};

static LIST_HEAD(, ticket_keys) all = LIST_HEAD_INITIALIZER(all);

static struct ticket_keys *
find(const char *service)
{
	struct ticket_keys *keys;

	LIST_FOREACH (keys, &all, entry) {
		if (strcmp(keys->service, service) == 0)
			return keys;
	}
	return NULL;
}

static void *
map(int fd, int protection)
{
	void *page = mmap(NULL, sizeof(struct tls_ticket_page), protection,
	    MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

static bool
map_both(struct ticket_keys *keys, int fd)
{
	const int seals =
	    F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (ftruncate(fd, sizeof(*keys->write)) == -1)
		return false;
	keys->write = map(fd, PROT_READ | PROT_WRITE);
	if (keys->write == NULL ||
	    madvise(keys->write, sizeof(*keys->write), MADV_DONTFORK) == -1 ||
	    fcntl(fd, F_ADD_SEALS, seals) == -1)
		return false;
	keys->read = map(fd, PROT_READ);
	return keys->read != NULL;
}

static void
ticket_keys_free(struct ticket_keys *keys)
{
	loop_timer_cancel(&keys->rotation);
	/* Not wiped: workers that drain may be in the middle of a handshake. */
	if (keys->write != NULL)
		munmap(keys->write, sizeof(*keys->write));
	if (keys->read != NULL)
		munmap((void *)(uintptr_t)keys->read, sizeof(*keys->read));
	free(keys->service);
	free(keys);
}

static struct ticket_keys *
ticket_keys_new(const char *service)
{
	struct ticket_keys *keys = calloc(1, sizeof(*keys));
	int fd =
	    memfd_create("preforkd-tickets", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (keys != NULL)
		keys->service = strdup(service);
	bool good = keys != NULL && keys->service != NULL && fd != -1 &&
	    map_both(keys, fd);
	int saved = errno;
	if (good && !tls_tickets_rotate(keys->write)) {
		good = false;
		saved = EIO;
	}
	if (fd != -1)
		close(fd);
	if (good) {
		keys->rotated_ms = loop_now_ms();
		LIST_INSERT_HEAD(&all, keys, entry);
		return keys;
	}
	if (keys != NULL)
		ticket_keys_free(keys);
	errno = saved;
	return NULL;
}

bool
ticket_keys_assign(const struct config *config)
{
	for (size_t i = 0; i < config->n_services; i++) {
		const struct service_config *service = config->services[i];
		if (service->tls == NULL || !service->tls_session_tickets)
			continue;
		const struct ticket_keys *keys = find(service->name);
		if (keys == NULL)
			keys = ticket_keys_new(service->name);
		if (keys == NULL)
			return false;
		if (!tls_server_set_tickets(service->tls, keys->read)) {
			errno = ENOMEM;
			return false;
		}
	}
	return true;
}

static void
rotate(void *arg)
{
	struct ticket_keys *keys = arg;

	if (!tls_tickets_rotate(keys->write)) {
		log_error("%s: no randomness for a new ticket key, the old one "
			  "stays in use",
		    keys->service);
		loop_timer_set(&keys->rotation, RETRY_MS, rotate, keys);
		return;
	}
	keys->rotated_ms = loop_now_ms();
	loop_timer_set(&keys->rotation, keys->lifetime_ms, rotate, keys);
}

static void
schedule(struct ticket_keys *keys, int64_t lifetime_ms)
{
	int64_t age_ms = loop_now_ms() - keys->rotated_ms;

	if (keys->rotation.active && keys->lifetime_ms == lifetime_ms)
		return;
	keys->lifetime_ms = lifetime_ms;
	loop_timer_set(&keys->rotation,
	    age_ms < lifetime_ms ? lifetime_ms - age_ms : 0, rotate, keys);
}

void
ticket_keys_keep(const struct config *config)
{
	struct ticket_keys *keys, *next;

	LIST_FOREACH_SAFE (keys, &all, entry, next) {
		const struct service_config *service = config == NULL
		    ? NULL
		    : config_service(config, keys->service);
		if (service != NULL && service->tls != NULL &&
		    service->tls_session_tickets) {
			schedule(keys, service->tls_ticket_lifetime_ms);
			continue;
		}
		LIST_REMOVE(keys, entry);
		ticket_keys_free(keys);
	}
}
