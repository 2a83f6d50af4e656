/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_RAW_H
#define COMMON_CONFIG_RAW_H

#include <sys/queue.h>

#include <stdbool.h>

#include "common/config.h"

/*
 * A configuration as it was written: sections with their lines, before any of
 * it is understood. Private to common/config*.c. What it holds lives until
 * config_raw_clear(), but the names of files, which are the config's.
 */
struct raw_value {
	STAILQ_ENTRY(raw_value) entry;
	struct config_place place;
	bool used;
	char *key, *text;
};

STAILQ_HEAD(raw_values, raw_value);

struct raw_section {
	STAILQ_ENTRY(raw_section) entry;
	enum setting_section kind;
	bool ignored; /* its heading was wrong and has been told */
	struct config_place place;
	char *heading;	  /* as written: "service echo" */
	const char *name; /* in heading: "echo", or "" */
	struct raw_values values;
};

STAILQ_HEAD(raw_sections, raw_section);

/* The names of the files, kept for places. Owned by the config. */
struct config_extra {
	char **files;
	size_t n_files;
};

struct raw_config {
	struct raw_sections sections;
	struct config_extra *extra; /* not owned */
	struct errors *errors;	    /* not owned */
	struct raw_section *last;   /* that values go to */
};

/* Reads PATH; all that can be told from the lines themselves is in ERRORS. */
void config_raw_read(struct raw_config *raw, const char *path,
    struct config_extra *extra, struct errors *errors);
void config_raw_clear(struct raw_config *raw);

/* The first value of KEY in SECTION, or NULL. Marks all of that key as used.
 */
struct raw_value *config_raw_find(struct raw_section *section, const char *key);

/* The next one of the same key, or NULL. */
struct raw_value *config_raw_next(struct raw_value *value);

void config_extra_free(struct config_extra *extra);

#endif
