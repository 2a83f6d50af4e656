/* SPDX-License-Identifier: ISC */
/*
 * The dry run behind -t: everything that a configuration names is tried as
 * far as that changes nothing. Runs in the process of `preforkd -t`; only
 * check_logs() in a running daemon, before a reload.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/check.h"
#include "supervisor/listener.h"
#include "supervisor/logfiles.h"

static void
check_folder_of(const char *path, const char *what, const char *file, int line,
    struct errors *errors)
{
	char copy[PATH_MAX];
	struct stat st;

	if (path[0] != '/')
		return;
	strlcpy(copy, path, sizeof(copy));
	const char *folder = dirname(copy);
	if (stat(folder, &st) == -1)
		errors_add(errors, file, line, "%s: folder \"%s\": %s", what,
		    folder, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		errors_add(errors, file, line, "%s: \"%s\" is not a folder",
		    what, folder);
	else if (access(folder, W_OK) == -1)
		errors_add(errors, file, line,
		    "%s: cannot write to folder \"%s\": %s", what, folder,
		    strerror(errno));
}

/* What is there where a socket shall be must be one. */
static void
check_socket(const char *path, const char *what,
    const struct config_place *place, struct errors *errors)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		errors_add(errors, place->file, place->line,
		    "%s: \"%s\" is there and is not a socket", what, path);
}

/* The last folder of /run/preforkd/x is made at the start when missing. */
static void
check_run_file(const struct config *config, const char *path, const char *what,
    struct errors *errors)
{
	const struct config_place place =
	    config_place_of(config, SECTION_DAEMON, "", what);
	char copy[PATH_MAX];
	struct stat st;

	if (path[0] == '\0')
		return;
	strlcpy(copy, path, sizeof(copy));
	const char *folder = dirname(copy);
	check_folder_of(stat(folder, &st) == -1 ? folder : path, what,
	    place.file, place.line, errors);
	if (path == config->daemon.control)
		check_socket(path, what, &place, errors);
	else if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		errors_add(errors, place.file, place.line,
		    "%s: \"%s\" is there and is not a regular file", what,
		    path);
}

static void
check_chroot(const struct config *config, const struct pool_config *pool,
    struct errors *errors)
{
	const struct config_place place =
	    config_place_of(config, SECTION_POOL, pool->name, "chroot");
	struct stat st;

	if (pool->chroot[0] == '\0')
		return;
	if (geteuid() != 0)
		errors_add(errors, place.file, place.line,
		    "chroot: only root can, and root does not run this");
	if (stat(pool->chroot, &st) == -1)
		errors_add(errors, place.file, place.line, "chroot: \"%s\": %s",
		    pool->chroot, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		errors_add(errors, place.file, place.line,
		    "chroot: \"%s\" is not a folder", pool->chroot);
}

/* 0, or errno of a bind that tells something about the address itself. */
static int
try_bind(const struct endpoint *endpoint, int type)
{
	int error = 0;
	int fd = socket(endpoint->storage.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return errno;
	if (listener_set_options(fd, endpoint->storage.ss_family, type) == -1)
		error = errno;
	else if (bind(fd, (const struct sockaddr *)&endpoint->storage,
		     endpoint->length) == -1 &&
	    errno != EADDRINUSE)
		error = errno;
	close(fd);
	return error;
}

static void
check_inet(const struct address *address, const struct config_place *place,
    struct errors *errors)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	char why[128], text[ADDRESS_TEXT_MAX];
	size_t n = address_resolve(address, endpoints, why, sizeof(why));

	address_format(address, text, sizeof(text));
	if (n == 0)
		errors_add(errors, place->file, place->line,
		    "cannot resolve \"%s\": %s", address->host, why);
	for (size_t i = 0; i < n; i++) {
		int error =
		    try_bind(&endpoints[i], address_socket_type(address));
		/* "*" and names do without a family that is not there. */
		if (error == 0 || (error == EAFNOSUPPORT && n > 1))
			continue;
		errors_add(errors, place->file, place->line,
		    "cannot listen on \"%s\": %s", text, strerror(error));
		break;
	}
}

static void
check_service(const struct service_config *service, struct errors *errors)
{
	for (size_t i = 0; i < service->listen.n; i++) {
		const struct address *address = &service->listen.items[i];
		const struct config_place *place = &service->listen_places[i];
		if (address_is_inet(address))
			check_inet(address, place, errors);
		else if (address->kind != ADDRESS_FD && !address->abstract) {
			check_folder_of(address->path, "listen", place->file,
			    place->line, errors);
			check_socket(address->path, "listen", place, errors);
		}
	}
}

/* As it will be opened, but without being made. */
static void
check_log(const struct config *config, const char *what, const char *path,
    struct errors *errors)
{
	const struct config_place place =
	    config_place_of(config, SECTION_DAEMON, "", what);
	struct stat st;

	if (path[0] != '/')
		return;
	if (lstat(path, &st) == -1 && errno == ENOENT)
		check_folder_of(path, what, place.file, place.line, errors);
	else {
		char why[PATH_MAX + 64];
		if (!logfiles_check(path, why, sizeof(why)))
			errors_add(errors, place.file, place.line, "%s: %s",
			    what, why);
	}
}

void
check_logs(const struct config *config, struct errors *errors)
{
	check_log(config, "log", config->daemon.log, errors);
	check_log(config, "access_log", config->daemon.access_log, errors);
}

void
check_config(const struct config *config, struct errors *errors)
{
	const struct daemon_config *daemon = &config->daemon;

	check_run_file(config, daemon->control, "control", errors);
	check_run_file(config, daemon->pid_file, "pid_file", errors);
	check_logs(config, errors);
	for (size_t i = 0; i < config->n_pools; i++)
		check_chroot(config, config->pools[i], errors);
	for (size_t i = 0; i < config->n_services; i++)
		check_service(config->services[i], errors);
}
