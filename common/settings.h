/* SPDX-License-Identifier: ISC */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one table of settings. A row declares everything that there is to know
 * about a setting; reading, checking, `preforkd -T`, `--explain`, the man page
 * and the sample are held against it.
 */
enum setting_type {
	SETTING_INTEGER = 0,	/* int64_t */
	SETTING_DURATION,	/* int64_t, milliseconds */
	SETTING_SHORT_DURATION, /* int64_t, microseconds */
	SETTING_SIZE,		/* int64_t, bytes */
	SETTING_MODE,		/* int64_t, octal file mode */
	SETTING_BOOLEAN,	/* bool */
	SETTING_ENUM,		/* int, index into words */
	SETTING_STRING,		/* char * */
	SETTING_NAME,		/* char *, a name such as a section may have */
	SETTING_USER,		/* char *, must exist; "" = not set */
	SETTING_GROUP,		/* char *, must exist; "" = not set */
	SETTING_PATH,	  /* char *, absolute after reading; "" = not set */
	SETTING_PATHS,	  /* struct path_list, repeatable, one a line */
	SETTING_ADDRESS,  /* struct address_list, repeatable */
	SETTING_NETWORKS, /* struct network_list, CIDR list */
	SETTING_COMMAND,  /* struct command_line, words as a shell splits */
};

/* Which section a row belongs to. */
enum setting_section {
	SECTION_DAEMON = 0, /* [preforkd] */
	SECTION_POOL,	    /* [pool NAME] */
	SECTION_SERVICE,    /* [service NAME] */
	SECTION_HANDLER,    /* [service NAME], declared by its handler */
};

/* What a changed value needs on reload. */
enum setting_change {
	CHANGE_NOTHING = 0, /* taken up by running processes */
	CHANGE_WORKERS,	    /* new workers for the pools it concerns */
	CHANGE_REBIND,	    /* the listener is opened anew */
	CHANGE_RESTART,	    /* preforkd must be restarted */
};

struct setting {
	enum setting_section section;
	const char *name;
	enum setting_type type;
	const char *fallback;	  /* default as in the file; NULL = required */
	int64_t min, max;	  /* of numbers, in the type's unit */
	const char *const *words; /* NULL-terminated. enum: all values;
				     number: one word that stands for min - 1
				     ("auto"); path: words that may stand
				     instead, "none" for an empty path */
	enum setting_change change;
	size_t offset;	  /* in the section's struct; handlers: unused */
	const char *help; /* one line, lower case, no full stop */
	/* Handlers' strings: -1 with a phrase in WHY; NULL: any is good. */
	int (*check)(const char *text, char *why, size_t why_size);
};

/* All rows but those of handlers, grouped by section. */
extern const struct setting settings_table[];
extern const size_t settings_count;

/* Bytes of a SETTING_NAME, and of the name of a section. */
#define SETTING_NAME_MAX 32

/* What SETTING_NAME takes: 1 to SETTING_NAME_MAX letters, digits, _, - and . */
bool settings_is_name(const char *text);

/* The row of that name in SECTION, or NULL. */
const struct setting *
settings_find(enum setting_section section, const char *name);

/* "[preforkd]", "[pool]", "[service]", "handler". */
const char *settings_section_name(enum setting_section section);

/* What the type takes, for messages and --explain: "a duration such as
 * 250ms, 30s or 5m". */
const char *settings_type_help(enum setting_type type);

/* "nothing", "new workers", "a new listener", "a restart". */
const char *settings_change_name(enum setting_change change);

/* The allowed range of SETTING as text ("1 to 65535", "stderr, syslog or
 * path"), or "" when there is none; BUF needs 128 bytes. Returns BUF. */
char *settings_range(const struct setting *setting, char *buf, size_t size);

#endif
