/* SPDX-License-Identifier: ISC */
/*
 * The first half of reading a configuration: lines into sections. A section
 * is complete before any of it is understood, because which settings it may
 * have depends on its handler, which may stand last.
 */
#include <stdlib.h>
#include <string.h>

#include "common/config_owner.h"
#include "common/config_raw.h"
#include "common/ini.h"
#include "common/log.h"
#include "common/nearest.h"

static const char *
intern_file(struct config_extra *extra, const char *file)
{
	for (size_t i = 0; i < extra->n_files; i++) {
		if (strcmp(extra->files[i], file) == 0)
			return extra->files[i];
	}
	char **grown =
	    reallocarray(extra->files, extra->n_files + 1, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	extra->files = grown;
	grown[extra->n_files] = strdup(file);
	if (grown[extra->n_files] == NULL)
		return NULL;
	return grown[extra->n_files++];
}

struct config_extra *
config_extra_new(void)
{
	struct config_extra *extra = calloc(1, sizeof(*extra));

	if (extra != NULL)
		STAILQ_INIT(&extra->sections);
	return extra;
}

static struct raw_section *
find_section(const struct config_extra *extra, const char *heading)
{
	struct raw_section *section;

	STAILQ_FOREACH (section, &extra->sections, entry) {
		if (strcmp(section->heading, heading) == 0)
			return section;
	}
	return NULL;
}

/* "preforkd", "pool NAME" or "service NAME" with one blank between. */
static bool
parse_heading(struct raw_section *section)
{
	const char *heading = section->heading;

	section->name = "";
	if (strcmp(heading, "preforkd") == 0) {
		section->kind = SECTION_DAEMON;
		return true;
	}
	if (strncmp(heading, "pool ", 5) == 0) {
		section->kind = SECTION_POOL;
		section->name = heading + 5;
	} else if (strncmp(heading, "service ", 8) == 0) {
		section->kind = SECTION_SERVICE;
		section->name = heading + 8;
	}
	return settings_is_name(section->name);
}

static void
complain_of_heading(struct errors *errors, const struct raw_section *section)
{
	static const char *const words[] = { "preforkd", "pool", "service" };
	const struct config_place *place = &section->place;
	struct nearest nearest = { 0 };
	char first[64], quote[256];

	strlcpy(first, section->heading, sizeof(first));
	first[strcspn(first, " \t")] = '\0';
	log_escape(
	    quote, sizeof(quote), section->heading, strlen(section->heading));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(first, words[i]) == 0) {
			errors_add(errors, place->file, place->line,
			    "[%s] needs %s", quote,
			    i == 0 ? "no name: write [preforkd]"
				   : "a name of 1 to 32 letters, digits, "
				     "_, - and .");
			return;
		}
		nearest_offer(&nearest, first, words[i]);
	}
	if (nearest.name != NULL)
		errors_add(errors, place->file, place->line,
		    "unknown section [%s], did you mean [%s]?", quote,
		    nearest.name);
	else
		errors_add(errors, place->file, place->line,
		    "unknown section [%s]; there are [preforkd], [pool NAME] "
		    "and [service NAME]",
		    quote);
}

static void
value_free(struct raw_value *value)
{
	if (value == NULL)
		return;
	free(value->key);
	free(value->text);
	free(value);
}

static void
section_free(struct raw_section *section)
{
	struct raw_value *value;

	while ((value = STAILQ_FIRST(&section->values)) != NULL) {
		STAILQ_REMOVE_HEAD(&section->values, entry);
		value_free(value);
	}
	free(section->heading);
	free(section);
}

static struct raw_section *
section_new(
    struct config_extra *extra, const char *file, int line, const char *heading)
{
	struct raw_section *section = calloc(1, sizeof(*section));

	if (section == NULL || (section->heading = strdup(heading)) == NULL) {
		free(section);
		return NULL;
	}
	STAILQ_INIT(&section->values);
	section->place.file = intern_file(extra, file);
	section->place.line = line;
	if (section->place.file == NULL) {
		section_free(section);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&extra->sections, section, entry);
	return section;
}

static void
on_section(void *arg, const char *file, int line, const char *heading)
{
	struct config_extra *extra = arg;
	const struct raw_section *first = find_section(extra, heading);
	struct raw_section *section = section_new(extra, file, line, heading);

	extra->last = section;
	if (section == NULL) {
		errors_add(extra->errors, file, line, "out of memory");
		return;
	}
	if (!parse_heading(section)) {
		section->ignored = true;
		complain_of_heading(extra->errors, section);
	} else if (first != NULL) {
		section->ignored = true;
		errors_add(extra->errors, file, line,
		    "[%s] is there already, at %s:%d", heading,
		    first->place.file, first->place.line);
	}
}

/* After an include the section of the including file goes on: then the last
 * one is another. */
static struct raw_section *
section_of(struct config_extra *extra, const char *heading)
{
	if (extra->last != NULL && strcmp(extra->last->heading, heading) == 0)
		return extra->last;
	return find_section(extra, heading);
}

static struct raw_value *
value_new(struct config_extra *extra, const char *file, int line,
    const char *key, const char *text)
{
	struct raw_value *value = calloc(1, sizeof(*value));

	if (value == NULL)
		return NULL;
	value->key = strdup(key);
	value->text = strdup(text);
	value->place.file = intern_file(extra, file);
	value->place.line = line;
	if (value->key != NULL && value->text != NULL &&
	    value->place.file != NULL)
		return value;
	value_free(value);
	return NULL;
}

static void
on_value(void *arg, const char *file, int line, const char *heading,
    const char *key, const char *text)
{
	struct config_extra *extra = arg;
	struct raw_section *section = section_of(extra, heading);
	struct raw_value *value = value_new(extra, file, line, key, text);

	if (section == NULL || value == NULL) {
		value_free(value);
		errors_add(extra->errors, file, line, "out of memory");
		return;
	}
	STAILQ_INSERT_TAIL(&section->values, value, entry);
}

static void
on_file(void *arg, const char *file, const struct stat *st)
{
	struct config_extra *extra = arg;

	config_owner_check(file, st, &extra->warnings);
}

void
config_raw_read(
    struct config_extra *extra, const char *path, struct errors *errors)
{
	const struct ini_reader reader = { on_file, on_section, on_value,
		extra };

	extra->errors = errors;
	ini_read(path, &reader, errors);
	extra->errors = NULL;
}

void
config_extra_free(struct config_extra *extra)
{
	struct raw_section *section;

	if (extra == NULL)
		return;
	while ((section = STAILQ_FIRST(&extra->sections)) != NULL) {
		STAILQ_REMOVE_HEAD(&extra->sections, entry);
		section_free(section);
	}
	for (size_t i = 0; i < extra->n_files; i++)
		free(extra->files[i]);
	free(extra->files);
	errors_clear(&extra->warnings);
	free(extra);
}

struct raw_section *
config_raw_section(const struct config_extra *extra, enum setting_section kind,
    const char *name)
{
	struct raw_section *section;

	STAILQ_FOREACH (section, &extra->sections, entry) {
		if (!section->ignored && section->kind == kind &&
		    strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

static struct raw_value *
next_of(struct raw_value *value, const char *key)
{
	while (value != NULL && strcmp(value->key, key) != 0)
		value = STAILQ_NEXT(value, entry);
	return value;
}

struct raw_value *
config_raw_find(struct raw_section *section, const char *key)
{
	struct raw_value *first = next_of(STAILQ_FIRST(&section->values), key);

	for (struct raw_value *value = first; value != NULL;
	     value = config_raw_next(value))
		value->used = true;
	return first;
}

struct raw_value *
config_raw_next(struct raw_value *value)
{
	return next_of(STAILQ_NEXT(value, entry), value->key);
}
