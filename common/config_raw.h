/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_RAW_H
#define COMMON_CONFIG_RAW_H

#include <sys/queue.h>

#include <stdbool.h>

#include "common/config.h"

/*
 * A configuration as it was written: sections with their lines, before any of
 * it is understood. Private to common/config*.c. Lives as long as the config.
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

/* The whole of it, kept by the config to tell where things were written. */
struct config_extra {
	struct raw_sections sections;
	char **files; /* their names, for places */
	size_t n_files;
	struct errors warnings;	  /* about the files themselves */
	struct errors *errors;	  /* while reading; not owned */
	struct raw_section *last; /* while reading: that values go to */
};

/* NULL when memory ran out. */
struct config_extra *config_extra_new(void);
void config_extra_free(struct config_extra *extra);

/* Reads PATH; all that can be told from the lines themselves is in ERRORS. */
void config_raw_read(
    struct config_extra *extra, const char *path, struct errors *errors);

/* The section, or NULL; one whose heading was wrong is none. */
struct raw_section *config_raw_section(const struct config_extra *extra,
    enum setting_section kind, const char *name);

/* The first value of KEY in SECTION, or NULL. Marks all of that key as used.
 */
struct raw_value *config_raw_find(struct raw_section *section, const char *key);

/* The next one of the same key, or NULL. */
struct raw_value *config_raw_next(struct raw_value *value);

#endif
