/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/address.h"
#include "common/errors.h"
#include "common/settings.h"

/*
 * A configuration as an object: made whole by config_load(), never changed
 * afterwards, shared by counting. Supervisor and workers read it.
 */

/* Where one value was written, for messages after reading. */
struct config_place {
	const char *file; /* owned by the config; NULL = default */
	int line;
};

struct address_list {
	struct address *items;
	size_t n;
};

/* One CIDR block; IPv4 as itself, not mapped. */
struct network {
	int family; /* AF_INET or AF_INET6 */
	uint8_t bits;
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} base;
};

struct network_list {
	struct network *items;
	size_t n;
};

struct path_list {
	char **items; /* absolute */
	struct config_place *places;
	size_t n;
};

struct command_line {
	char **argv; /* NULL-terminated */
	size_t n;
};

struct daemon_config {
	char *user, *group;
	char *control; /* path; "" = none */
	int64_t control_mode;
	char *control_group;
	char *pid_file;	  /* "" = none */
	char *log;	  /* "stderr", "syslog" or an absolute path */
	int log_level;	  /* enum log_level */
	char *access_log; /* "" = none, "log" = the log, or a path */
	int64_t drain_timeout_ms;
	int64_t drain_delay_ms;
	int64_t start_timeout_ms;
};

enum sandbox_mode { SANDBOX_OFF = 0, SANDBOX_ON, SANDBOX_LOG };

struct pool_config {
	char *name;
	struct config_place place;
	size_t index;		 /* in config->pools */
	int64_t workers;	 /* 0 = auto */
	char *user, *group;	 /* "" = those of [preforkd] */
	char *chroot;		 /* "" = none */
	int64_t max_connections; /* per worker */
	int64_t watchdog_ms;	 /* 0 = off */
	int64_t spin_us;	 /* 0 = sleep at once */
	int64_t max_age_ms;	 /* 0 = off */
	int64_t nofile;		 /* 0 = as inherited */
	int64_t nice;
	int sandbox; /* enum sandbox_mode */
};

/* One setting that a handler declared, with its value. */
struct handler_value {
	const struct setting *setting;
	char *text;	/* as written, or the default */
	int64_t number; /* integer, duration (ms), size, boolean, enum */
	struct command_line command;
	struct network_list networks;
};

struct service_config {
	char *name;
	struct config_place place;
	size_t index; /* in config->services */
	struct address_list listen;
	struct config_place *listen_places; /* one an address */
	char *handler;
	char *pool;
	const struct pool_config *pool_config; /* resolved */
	int64_t backlog;
	int64_t idle_timeout_ms;    /* 0 = none */
	int64_t session_timeout_ms; /* 0 = none */
	int64_t max_connections;    /* of the service, all workers; 0 = none */
	bool nodelay;
	bool keepalive;
	struct network_list allow;		   /* none = everybody */
	struct path_list tls_certificate, tls_key; /* as many of either */
	int tls_min_version;			   /* enum tls_min_version */
	char *tls_ciphers, *tls_ciphersuites, *tls_groups, *tls_alpn;
	char *tls_client_ca;   /* "" = none */
	int tls_client_verify; /* enum tls_verify */
	bool tls_session_tickets;
	int64_t tls_ticket_lifetime_ms;
	int64_t handshake_timeout_ms;
	struct tls_server *tls; /* made of these; NULL = speaks none */
	bool udp_amplify;
	int udp_reserved_ports; /* enum udp_reserved */
	int64_t socket_mode;
	char *socket_owner, *socket_group;
	struct handler_value *values; /* of its handler, in table order */
	size_t n_values;
};

enum tls_min_version { TLS_MIN_1_2 = 0, TLS_MIN_1_3 };
enum tls_verify {
	TLS_VERIFY_OFF = 0,
	TLS_VERIFY_OPTIONAL,
	TLS_VERIFY_REQUIRED
};
enum udp_reserved { UDP_RESERVED_REFUSE = 0, UDP_RESERVED_ANSWER };

struct config {
	unsigned references;
	char *path; /* absolute path of the main file */
	struct daemon_config daemon;
	struct pool_config **pools; /* [0] is "default" */
	size_t n_pools;
	struct service_config **services; /* in the order of the file */
	size_t n_services;
	struct config_extra *extra; /* texts and places, private */
};

/* What the reader must know of a handler. Static data of the caller. */
struct handler_info {
	const char *name;
	const char *help;
	bool stream, datagram;
	const struct setting *settings;
	size_t n_settings;
};

struct handler_catalog {
	const struct handler_info *handlers;
	size_t n;
};

/*
 * Reads PATH and everything it includes and checks each value by itself and
 * against the others: names that resolve to nothing, addresses used twice,
 * users and groups that do not exist (getpwnam(3), local), a handler that
 * does not answer datagrams on a datagram listener, `user` without being root.
 * Certificates and keys are read, and what a service speaks TLS with is made of
 * them. Host names are not looked up. Returns the new configuration with one
 * reference, or NULL with at least one message in ERRORS. Opens no socket,
 * changes nothing. CATALOG must outlive the configuration.
 */
struct config *config_load(const char *path,
    const struct handler_catalog *catalog, struct errors *errors);

/* What is not wrong in it, but should be known: who else can change its files.
 * Valid as long as CONFIG is. */
const struct errors *config_warnings(const struct config *config);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is allowed */

const struct service_config *
config_service(const struct config *config, const char *name);
const struct pool_config *
config_pool(const struct config *config, const char *name);
/* The handler of that name; NULL when there is none, or NAME is NULL. */
const struct handler_info *
config_handler(const struct handler_catalog *catalog, const char *name);

/* Where KEY of a section was written; the section's heading when it was not,
 * the file without a line when there is no such section either. NAME is "" for
 * [preforkd]. */
struct config_place config_place_of(const struct config *config,
    enum setting_section section, const char *name, const char *key);

/* Writes the effective configuration, every setting with its value, as a file
 * that config_load() reads to the same configuration. */
void config_print(const struct config *config, FILE *out);

/* One difference between two configurations; names are of their texts, valid
 * as long as both configurations are. */
struct config_change {
	enum setting_section section;
	const char *name; /* of pool or service; "" for [preforkd] */
	const struct setting *setting; /* NULL: section added or removed */
	char *before, *after;	       /* canonical texts; NULL: not there */
};

struct config_changes {
	struct config_change *items;
	size_t n;
};

/* Every setting whose canonical value differs, and every pool and service
 * added or removed. Returns false when memory ran out. */
bool config_compare(const struct config *before, const struct config *after,
    struct config_changes *changes);
void config_changes_clear(struct config_changes *changes);

/* True when ADDR (an IPv4-mapped IPv6 address counts as IPv4) lies in LIST. */
bool network_list_contains(
    const struct network_list *list, const struct sockaddr *addr);

#endif
