/* SPDX-License-Identifier: ISC */
/*
 * The table of settings: the one place where a setting is declared. Order is
 * the order of `preforkd -T`, of the man page and of the sample. Pure data.
 */
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/settings.h"
#include "common/units.h"

#define DAY_MS	 ((int64_t)24 * 3600 * 1000)
#define YEAR_MS	 (365 * DAY_MS)
#define MODE_MAX 0777

static const char *const auto_word[] = { "auto", NULL };
static const char *const none_word[] = { "none", NULL };
static const char *const log_words[] = { "stderr", "syslog", NULL };
static const char *const access_log_words[] = { "none", "log", NULL };
static const char *const level_words[] = { "debug", "info", "warn", "error",
	NULL };
static const char *const sandbox_words[] = { "off", "on", "log", NULL };
static const char *const tls_version_words[] = { "1.2", "1.3", NULL };
static const char *const tls_verify_words[] = { "off", "optional", "required",
	NULL };
static const char *const reserved_words[] = { "refuse", "answer", NULL };

/* Rows of [preforkd], [pool] and [service]: name, type, default, range, words,
 * change, field, help. */
#define IN_DAEMON(n, t, d, lo, hi, w, c, f, h)                  \
	{                                                       \
		SECTION_DAEMON, n, t, d, lo, hi, w, CHANGE_##c, \
		    offsetof(struct daemon_config, f), h, NULL  \
	}
#define IN_POOL(n, t, d, lo, hi, w, c, f, h)                  \
	{                                                     \
		SECTION_POOL, n, t, d, lo, hi, w, CHANGE_##c, \
		    offsetof(struct pool_config, f), h, NULL  \
	}
#define IN_SERVICE(n, t, d, lo, hi, w, c, f, h)                  \
	{                                                        \
		SECTION_SERVICE, n, t, d, lo, hi, w, CHANGE_##c, \
		    offsetof(struct service_config, f), h, NULL  \
	}

/* clang-format off */
const struct setting settings_table[] = {
	IN_DAEMON("user", SETTING_USER, "nobody", 0, 0, NULL, WORKERS, user,
	    "user that workers run as when the daemon is started by root"),
	IN_DAEMON("group", SETTING_GROUP, "", 0, 0, NULL, WORKERS, group,
	    "group of workers; empty: the groups of the user"),
	IN_DAEMON("control", SETTING_PATH, "/run/preforkd/control.sock",
	    0, 0, none_word, RESTART, control,
	    "path of the control socket"),
	IN_DAEMON("control_mode", SETTING_MODE, "0600", 0, MODE_MAX, NULL,
	    RESTART, control_mode,
	    "mode of the control socket; who may connect may read"),
	IN_DAEMON("control_group", SETTING_GROUP, "", 0, 0, NULL, RESTART,
	    control_group, "group of the control socket"),
	IN_DAEMON("pid_file", SETTING_PATH, "none", 0, 0, none_word, RESTART,
	    pid_file, "file that holds the pid, and a lock"),
	IN_DAEMON("log", SETTING_PATH, "stderr", 0, 0, log_words, NOTHING, log,
	    "where the log goes"),
	IN_DAEMON("log_level", SETTING_ENUM, "info", 0, 0, level_words,
	    NOTHING, log_level, "least important lines that are logged"),
	IN_DAEMON("access_log", SETTING_PATH, "none", 0, 0, access_log_words,
	    NOTHING, access_log,
	    "where a line for each finished connection goes"),
	IN_DAEMON("drain_timeout", SETTING_DURATION, "30s", 0, DAY_MS, NULL,
	    NOTHING, drain_timeout_ms,
	    "time that connections have to finish on stop and reload"),
	IN_DAEMON("drain_delay", SETTING_DURATION, "0", 0, DAY_MS, NULL,
	    NOTHING, drain_delay_ms,
	    "time of reporting not ready before a stop stops accepting"),
	IN_DAEMON("start_timeout", SETTING_DURATION, "10s", 100, DAY_MS, NULL,
	    NOTHING, start_timeout_ms,
	    "time that a new worker has to become ready"),

	IN_POOL("workers", SETTING_INTEGER, "auto", 1, 512, auto_word, NOTHING,
	    workers, "number of workers; auto: one a processor"),
	IN_POOL("user", SETTING_USER, "", 0, 0, NULL, WORKERS, user,
	    "user of these workers; empty: that of [preforkd]"),
	IN_POOL("group", SETTING_GROUP, "", 0, 0, NULL, WORKERS, group,
	    "group of these workers; empty: that of [preforkd]"),
	IN_POOL("chroot", SETTING_PATH, "none", 0, 0, none_word, WORKERS,
	    chroot, "folder that is the root of these workers"),
	IN_POOL("max_connections", SETTING_INTEGER, "10000", 1, 1000000, NULL,
	    WORKERS, max_connections,
	    "connections that one worker has at the same time"),
	IN_POOL("watchdog", SETTING_DURATION, "0", 0, DAY_MS, NULL, NOTHING,
	    watchdog_ms,
	    "time without a heartbeat after which a worker is killed; 0: off"),
	IN_POOL("max_age", SETTING_DURATION, "0", 0, YEAR_MS, NULL, NOTHING,
	    max_age_ms,
	    "time after which workers are replaced, gently; 0: never"),
	IN_POOL("nofile", SETTING_INTEGER, "0", 0, 1073741816, NULL, WORKERS,
	    nofile, "limit of open descriptors of a worker; 0: as inherited, "
	    "raised for max_connections"),
	IN_POOL("nice", SETTING_INTEGER, "0", -20, 19, NULL, WORKERS, nice,
	    "niceness of workers"),
	IN_POOL("spin", SETTING_SHORT_DURATION, "0", 0, 10000, NULL, WORKERS,
	    spin_us,
	    "time that a worker looks for more work before it sleeps"),
	IN_POOL("sandbox", SETTING_ENUM, "on", 0, 0, sandbox_words, WORKERS,
	    sandbox, "whether workers give up files and programs"),

	IN_SERVICE("listen", SETTING_ADDRESS, NULL, 0, 0, NULL, REBIND, listen,
	    "addresses to listen on; several in a line, or several lines"),
	IN_SERVICE("handler", SETTING_NAME, NULL, 0, 0, NULL, WORKERS, handler,
	    "what answers"),
	IN_SERVICE("pool", SETTING_NAME, "default", 0, 0, NULL, WORKERS, pool,
	    "pool whose workers serve it"),
	IN_SERVICE("backlog", SETTING_INTEGER, "4096", 1, 65535, NULL, NOTHING,
	    backlog, "connections that may wait to be accepted"),
	IN_SERVICE("idle_timeout", SETTING_DURATION, "5m", 0, YEAR_MS, NULL,
	    WORKERS, idle_timeout_ms,
	    "time without a byte after which a connection is closed; 0: none"),
	IN_SERVICE("session_timeout", SETTING_DURATION, "0", 0, YEAR_MS, NULL,
	    WORKERS, session_timeout_ms,
	    "time after which a connection is closed in any case; 0: none"),
	IN_SERVICE("max_connections", SETTING_INTEGER, "0", 0, 100000000, NULL,
	    WORKERS, max_connections,
	    "connections of the service at the same time, over all workers; "
	    "0: no limit"),
	IN_SERVICE("nodelay", SETTING_BOOLEAN, "yes", 0, 0, NULL, WORKERS,
	    nodelay, "TCP_NODELAY on connections"),
	IN_SERVICE("keepalive", SETTING_BOOLEAN, "yes", 0, 0, NULL, WORKERS,
	    keepalive, "SO_KEEPALIVE on connections"),
	IN_SERVICE("allow", SETTING_NETWORKS, "", 0, 0, NULL, WORKERS, allow,
	    "networks that are served; empty: everybody"),
	IN_SERVICE("tls_certificate", SETTING_PATHS, "none", 0, 0, none_word,
	    WORKERS, tls_certificate,
	    "file with a certificate, behind it those of its issuers; "
	    "repeatable, the first is for clients that name no server"),
	IN_SERVICE("tls_key", SETTING_PATHS, "none", 0, 0, none_word, WORKERS,
	    tls_key, "file with the key of the certificate; repeatable, "
	    "in the order of the certificates"),
	IN_SERVICE("tls_min_version", SETTING_ENUM, "1.2", 0, 0,
	    tls_version_words, WORKERS, tls_min_version,
	    "oldest version of TLS that is spoken"),
	IN_SERVICE("tls_ciphers", SETTING_STRING,
	    "ECDHE+AESGCM:ECDHE+CHACHA20", 0, 0, NULL, WORKERS, tls_ciphers,
	    "ciphers of TLS 1.2, best first, as ciphers(1) writes them"),
	IN_SERVICE("tls_ciphersuites", SETTING_STRING,
	    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
	    "TLS_CHACHA20_POLY1305_SHA256", 0, 0, NULL, WORKERS,
	    tls_ciphersuites, "ciphers of TLS 1.3, best first"),
	IN_SERVICE("tls_groups", SETTING_STRING, "X25519:P-256:P-384", 0, 0,
	    NULL, WORKERS, tls_groups,
	    "groups for the exchange of keys, best first"),
	IN_SERVICE("tls_alpn", SETTING_STRING, "", 0, 0, NULL, WORKERS,
	    tls_alpn, "protocols offered by ALPN, best first, with commas; "
	    "empty: what a client asks for is not looked at"),
	IN_SERVICE("tls_client_ca", SETTING_PATH, "none", 0, 0, none_word,
	    WORKERS, tls_client_ca,
	    "file with the issuers whose client certificates are believed"),
	IN_SERVICE("tls_client_verify", SETTING_ENUM, "off", 0, 0,
	    tls_verify_words, WORKERS, tls_client_verify,
	    "whether clients are asked for a certificate, and must have one"),
	IN_SERVICE("tls_session_tickets", SETTING_BOOLEAN, "yes", 0, 0, NULL,
	    WORKERS, tls_session_tickets,
	    "whether clients get a ticket that shortens the next handshake"),
	IN_SERVICE("tls_ticket_lifetime", SETTING_DURATION, "1h", 1000,
	    7 * DAY_MS, NULL, WORKERS, tls_ticket_lifetime_ms,
	    "time that a ticket is good for, and one key encrypts tickets"),
	IN_SERVICE("handshake_timeout", SETTING_DURATION, "10s", 100, DAY_MS,
	    NULL, WORKERS, handshake_timeout_ms,
	    "time that a client has for the whole of its TLS handshake"),
	IN_SERVICE("udp_amplify", SETTING_BOOLEAN, "no", 0, 0, NULL, WORKERS,
	    udp_amplify, "whether answers may be longer than their question"),
	IN_SERVICE("udp_reserved_ports", SETTING_ENUM, "refuse", 0, 0,
	    reserved_words, WORKERS, udp_reserved_ports,
	    "whether datagrams from ports below 1024 and 2049 are answered"),
	IN_SERVICE("socket_mode", SETTING_MODE, "0666", 0, MODE_MAX, NULL,
	    NOTHING, socket_mode, "mode of socket files"),
	IN_SERVICE("socket_owner", SETTING_USER, "", 0, 0, NULL, NOTHING,
	    socket_owner, "owner of socket files; empty: as created"),
	IN_SERVICE("socket_group", SETTING_GROUP, "", 0, 0, NULL, NOTHING,
	    socket_group, "group of socket files; empty: as created"),
};
/* clang-format on */

const size_t settings_count =
    sizeof(settings_table) / sizeof(settings_table[0]);

bool
settings_is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= SETTING_NAME_MAX &&
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-.") == len;
}

const struct setting *
settings_find(enum setting_section section, const char *name)
{
	for (size_t i = 0; i < settings_count; i++) {
		if (settings_table[i].section == section &&
		    strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	}
	return NULL;
}

const char *
settings_section_name(enum setting_section section)
{
	static const char *const names[] = { "[preforkd]", "[pool]",
		"[service]", "handler" };

	return names[section];
}

const char *
settings_type_help(enum setting_type type)
{
	static const char *const help[] = {
		[SETTING_INTEGER] = "a whole number",
		[SETTING_DURATION] =
		    "a duration such as 250ms, 30s, 5m, 2h or 1d",
		[SETTING_SHORT_DURATION] = "a duration such as 50us, 1ms or 1s",
		[SETTING_SIZE] = "a size such as 512, 64k, 1m or 2g",
		[SETTING_MODE] = "a file mode in octal such as 0660",
		[SETTING_BOOLEAN] = "yes or no",
		[SETTING_ENUM] = "one of some words",
		[SETTING_STRING] = "any text",
		[SETTING_NAME] = "a name of letters, digits, _, - and .",
		[SETTING_USER] = "the name of a user",
		[SETTING_GROUP] = "the name of a group",
		[SETTING_PATH] = "a path; a relative one is taken from the "
				 "folder of the file that has it",
		[SETTING_PATHS] = "paths, one a line; a relative one is taken "
				  "from the folder of the file that has it",
		[SETTING_ADDRESS] = "addresses such as tcp://*:80, "
				    "tls://*:443, udp://[::1]:53, "
				    "unix:/run/x.sock, unix:@name, "
				    "unixgram:/run/y.sock or fd://name; "
				    "tls+unix: and tls+fd:// with TLS",
		[SETTING_NETWORKS] = "networks such as 10.0.0.0/8, ::1/128",
		[SETTING_COMMAND] = "a command line, words as in a shell",
	};

	return help[type];
}

const char *
settings_change_name(enum setting_change change)
{
	static const char *const names[] = { "nothing", "new workers",
		"a new listener", "a restart" };

	return names[change];
}

/* "a, b or c" */
static void
join_words(const char *const *words, const char *last, char *buf, size_t size)
{
	size_t n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		bool is_last = i + 1 == n && last == NULL;
		if (i > 0)
			strlcat(buf, is_last ? " or " : ", ", size);
		strlcat(buf, words[i], size);
	}
	if (last != NULL) {
		if (n > 0)
			strlcat(buf, " or ", size);
		strlcat(buf, last, size);
	}
}

static void
number_range(const struct setting *setting, char *buf, size_t size)
{
	char low[24], high[24], range[64];

	switch (setting->type) {
	case SETTING_DURATION:
		unit_format_duration(setting->min, low, sizeof(low));
		unit_format_duration(setting->max, high, sizeof(high));
		break;
	case SETTING_SHORT_DURATION:
		unit_format_short_duration(setting->min, low, sizeof(low));
		unit_format_short_duration(setting->max, high, sizeof(high));
		break;
	case SETTING_SIZE:
		unit_format_size(setting->min, low, sizeof(low));
		unit_format_size(setting->max, high, sizeof(high));
		break;
	case SETTING_MODE:
		snprintf(low, sizeof(low), "0");
		snprintf(high, sizeof(high), "%04llo",
		    (unsigned long long)setting->max);
		break;
	default:
		snprintf(low, sizeof(low), "%lld", (long long)setting->min);
		snprintf(high, sizeof(high), "%lld", (long long)setting->max);
		break;
	}
	snprintf(range, sizeof(range), "%s to %s", low, high);
	join_words(setting->words, range, buf, size);
}

char *
settings_range(const struct setting *setting, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (setting->type) {
	case SETTING_INTEGER:
	case SETTING_DURATION:
	case SETTING_SHORT_DURATION:
	case SETTING_SIZE:
	case SETTING_MODE:
		number_range(setting, buf, size);
		break;
	case SETTING_ENUM:
		join_words(setting->words, NULL, buf, size);
		break;
	case SETTING_PATH:
	case SETTING_PATHS:
		if (setting->words != NULL)
			join_words(setting->words, "a path", buf, size);
		break;
	default:
		break;
	}
	return buf;
}
