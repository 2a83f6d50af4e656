/* SPDX-License-Identifier: ISC */
/*
 * Values by type: a row of functions for each enum setting_type would be the
 * same switch three times, so it is three switches. Used while a
 * configuration is read, printed, compared and freed.
 */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/command_line.h"
#include "common/config_value.h"
#include "common/networks.h"
#include "common/path.h"
#include "common/units.h"

static bool
set_text(char **field, const char *text, char *why, size_t why_size)
{
	*field = strdup(text);
	if (*field == NULL)
		snprintf(why, why_size, "does not fit into memory");
	return *field != NULL;
}

static bool
parse_string(const struct setting *setting, const char *text, char **field,
    char *why, size_t why_size)
{
	char reason[160];

	if (setting->check != NULL &&
	    setting->check(text, reason, sizeof(reason)) == -1) {
		snprintf(why, why_size, "is wrong: %s", reason);
		return false;
	}
	return set_text(field, text, why, why_size);
}

static bool
out_of_range(const struct setting *setting, char *why, size_t why_size)
{
	char range[128];

	snprintf(why, why_size, "is out of range, allowed is %s",
	    settings_range(setting, range, sizeof(range)));
	return false;
}

static bool
parse_mode(const char *text, int64_t *out, const char **why)
{
	char *end;

	*why = "is not a file mode in octal such as 0660";
	if (*text < '0' || *text > '7')
		return false;
	*out = strtoll(text, &end, 8);
	return *end == '\0';
}

static bool
parse_number(const struct setting *setting, const char *text, int64_t *field,
    char *why, size_t why_size)
{
	const char *reason = "";
	int64_t value = 0;
	bool good;

	/* Signed, so that 0 can stand below a minimum of 1. */
	if (setting->words != NULL && strcmp(text, setting->words[0]) == 0) {
		*field = setting->min - 1;
		return true;
	}
	if (setting->type == SETTING_DURATION)
		good = unit_parse_duration(text, &value, &reason);
	else if (setting->type == SETTING_SHORT_DURATION)
		good = unit_parse_short_duration(text, &value, &reason);
	else if (setting->type == SETTING_SIZE)
		good = unit_parse_size(text, &value, &reason);
	else if (setting->type == SETTING_MODE)
		good = parse_mode(text, &value, &reason);
	else
		good = unit_parse_integer(text, &value, &reason);
	if (!good) {
		char range[128];
		settings_range(setting, range, sizeof(range));
		snprintf(why, why_size, "%s; allowed is %s", reason, range);
		return false;
	}
	if (value < setting->min || value > setting->max)
		return out_of_range(setting, why, why_size);
	*field = value;
	return true;
}

static bool
parse_enum(const struct setting *setting, const char *text, int *field,
    char *why, size_t why_size)
{
	char range[128];

	for (int i = 0; setting->words[i] != NULL; i++) {
		if (strcmp(setting->words[i], text) == 0) {
			*field = i;
			return true;
		}
	}
	snprintf(why, why_size, "is not allowed, it must be %s",
	    settings_range(setting, range, sizeof(range)));
	return false;
}

static bool
is_word(const struct setting *setting, const char *text)
{
	for (size_t i = 0; setting->words != NULL && setting->words[i] != NULL;
	     i++) {
		if (strcmp(setting->words[i], text) == 0)
			return true;
	}
	return false;
}

static bool
parse_path(const struct setting *setting, const char *text, const char *base,
    char **field, char *why, size_t why_size)
{
	char path[PATH_MAX];

	if (is_word(setting, text))
		return set_text(field, strcmp(text, "none") == 0 ? "" : text,
		    why, why_size);
	if (*text == '\0') {
		snprintf(why, why_size, "is empty, a path is needed");
		return false;
	}
	if (path_join(base, text, path, sizeof(path)) >= sizeof(path)) {
		snprintf(why, why_size, "is too long for a path");
		return false;
	}
	return set_text(field, path, why, why_size);
}

/* One more; "none" is none. */
static bool
add_path(const struct setting *setting, const char *text, const char *base,
    struct path_list *list, char *why, size_t why_size)
{
	char *path = NULL;

	if (!parse_path(setting, text, base, &path, why, why_size))
		return false;
	if (*path == '\0') {
		free(path);
		return true;
	}
	char **items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (items != NULL)
		list->items = items;
	struct config_place *places =
	    reallocarray(list->places, list->n + 1, sizeof(*places));
	if (places != NULL)
		list->places = places;
	if (items == NULL || places == NULL) {
		free(path);
		snprintf(why, why_size, "does not fit into memory");
		return false;
	}
	places[list->n] = (struct config_place){ 0 };
	items[list->n++] = path;
	return true;
}

static bool
parse_name(const char *text, char **field, char *why, size_t why_size)
{
	if (!settings_is_name(text)) {
		snprintf(why, why_size,
		    "is not a name of 1 to %d letters, digits, _, - and .",
		    SETTING_NAME_MAX);
		return false;
	}
	return set_text(field, text, why, why_size);
}

static bool
parse_account(const struct setting *setting, const char *text, char **field,
    char *why, size_t why_size)
{
	bool user = setting->type == SETTING_USER;

	if (*text != '\0' &&
	    (user ? getpwnam(text) == NULL : getgrnam(text) == NULL)) {
		snprintf(why, why_size, "names a %s that does not exist",
		    user ? "user" : "group");
		return false;
	}
	return set_text(field, text, why, why_size);
}

static bool
add_address(struct address_list *list, const char *word, const char *base,
    char *why, size_t why_size)
{
	struct address *grown =
	    reallocarray(list->items, list->n + 1, sizeof(*grown));
	char reason[256];

	if (grown == NULL) {
		snprintf(why, why_size, "does not fit into memory");
		return false;
	}
	list->items = grown;
	if (!address_parse(
		&grown[list->n], word, base, reason, sizeof(reason))) {
		snprintf(why, why_size, "is not an address: %s", reason);
		return false;
	}
	list->n++;
	return true;
}

static bool
parse_addresses(struct address_list *list, const char *text, const char *base,
    char *why, size_t why_size)
{
	char *copy = strdup(text), *rest = copy, *word;
	size_t before = list->n;
	bool good = copy != NULL;

	while (good && (word = strsep(&rest, " \t,")) != NULL) {
		if (*word != '\0')
			good = add_address(list, word, base, why, why_size);
	}
	free(copy);
	if (good && list->n == before) {
		snprintf(why, why_size, "is empty, an address is needed");
		return false;
	}
	return good;
}

static bool
parse_list(const struct setting *setting, const char *text, void *field,
    char *why, size_t why_size)
{
	char reason[160];
	bool good = setting->type == SETTING_COMMAND
	    ? command_line_parse(field, text, reason, sizeof(reason))
	    : networks_parse(field, text, reason, sizeof(reason));

	if (!good)
		snprintf(why, why_size, "is wrong: %s", reason);
	return good;
}

bool
config_value_parse(const struct setting *setting, const char *text,
    const char *base, void *field, char *why, size_t why_size)
{
	const char *reason;

	switch (setting->type) {
	case SETTING_INTEGER:
	case SETTING_DURATION:
	case SETTING_SHORT_DURATION:
	case SETTING_SIZE:
	case SETTING_MODE:
		return parse_number(setting, text, field, why, why_size);
	case SETTING_BOOLEAN:
		if (unit_parse_boolean(text, field, &reason))
			return true;
		strlcpy(why, reason, why_size);
		return false;
	case SETTING_ENUM:
		return parse_enum(setting, text, field, why, why_size);
	case SETTING_STRING:
		return parse_string(setting, text, field, why, why_size);
	case SETTING_NAME:
		return parse_name(text, field, why, why_size);
	case SETTING_USER:
	case SETTING_GROUP:
		return parse_account(setting, text, field, why, why_size);
	case SETTING_PATH:
		return parse_path(setting, text, base, field, why, why_size);
	case SETTING_PATHS:
		return add_path(setting, text, base, field, why, why_size);
	case SETTING_ADDRESS:
		return parse_addresses(field, text, base, why, why_size);
	case SETTING_NETWORKS:
	case SETTING_COMMAND:
		return parse_list(setting, text, field, why, why_size);
	}
	return false;
}

static char *
format_number(const struct setting *setting, int64_t value)
{
	char buf[32];

	if (setting->words != NULL && value == setting->min - 1)
		return strdup(setting->words[0]);
	switch (setting->type) {
	case SETTING_DURATION:
		return strdup(unit_format_duration(value, buf, sizeof(buf)));
	case SETTING_SHORT_DURATION:
		return strdup(
		    unit_format_short_duration(value, buf, sizeof(buf)));
	case SETTING_SIZE:
		return strdup(unit_format_size(value, buf, sizeof(buf)));
	case SETTING_MODE:
		snprintf(buf, sizeof(buf), "%04llo", (unsigned long long)value);
		return strdup(buf);
	default:
		snprintf(buf, sizeof(buf), "%lld", (long long)value);
		return strdup(buf);
	}
}

/* A buffer's bytes as a string of their own. */
static char *
take_string(struct buffer *buffer)
{
	buffer_append(buffer, "", 1);
	char *text = buffer->failed ? NULL : strdup(buffer_data(buffer));

	buffer_clear(buffer);
	return text;
}

#define LIST_MAX ((size_t)1024 * 1024) /* bytes of a list as text */

static char *
format_addresses(const struct address_list *list)
{
	char text[ADDRESS_TEXT_MAX];
	struct buffer buffer;

	buffer_init(&buffer, LIST_MAX);
	for (size_t i = 0; i < list->n; i++)
		buffer_printf(&buffer, "%s%s", i > 0 ? " " : "",
		    address_format(&list->items[i], text, sizeof(text)));
	return take_string(&buffer);
}

/* For people; the file has one a line. */
static char *
format_paths(const struct path_list *list)
{
	struct buffer buffer;

	buffer_init(&buffer, LIST_MAX);
	for (size_t i = 0; i < list->n; i++)
		buffer_printf(
		    &buffer, "%s%s", i > 0 ? ", " : "", list->items[i]);
	if (list->n == 0)
		buffer_text(&buffer, "none");
	return take_string(&buffer);
}

static char *
format_networks(const struct network_list *list)
{
	char text[64];
	struct buffer buffer;

	buffer_init(&buffer, LIST_MAX);
	for (size_t i = 0; i < list->n; i++)
		buffer_printf(&buffer, "%s%s", i > 0 ? " " : "",
		    network_format(&list->items[i], text, sizeof(text)));
	return take_string(&buffer);
}

/* Each word in single quotes, which hold everything but themselves. */
static char *
format_command(const struct command_line *command)
{
	struct buffer buffer;

	buffer_init(&buffer, LIST_MAX);
	for (size_t i = 0; i < command->n; i++) {
		buffer_text(&buffer, i > 0 ? " '" : "'");
		for (const char *p = command->argv[i]; *p != '\0'; p++) {
			if (*p == '\'')
				buffer_text(&buffer, "'\\''");
			else
				buffer_append(&buffer, p, 1);
		}
		buffer_text(&buffer, "'");
	}
	return take_string(&buffer);
}

char *
config_value_format(const struct setting *setting, const void *field)
{
	switch (setting->type) {
	case SETTING_INTEGER:
	case SETTING_DURATION:
	case SETTING_SHORT_DURATION:
	case SETTING_SIZE:
	case SETTING_MODE:
		return format_number(setting, *(const int64_t *)field);
	case SETTING_BOOLEAN:
		return strdup(*(const bool *)field ? "yes" : "no");
	case SETTING_ENUM:
		return strdup(setting->words[*(const int *)field]);
	case SETTING_PATH: {
		const char *path = *(char *const *)field;
		return strdup(*path == '\0' ? "none" : path);
	}
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_USER:
	case SETTING_GROUP:
		return strdup(*(char *const *)field);
	case SETTING_PATHS:
		return format_paths(field);
	case SETTING_ADDRESS:
		return format_addresses(field);
	case SETTING_NETWORKS:
		return format_networks(field);
	case SETTING_COMMAND:
		return format_command(field);
	}
	return NULL;
}

void
config_value_clear(const struct setting *setting, void *field)
{
	struct address_list *addresses;
	struct path_list *paths;

	switch (setting->type) {
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_USER:
	case SETTING_GROUP:
	case SETTING_PATH:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case SETTING_PATHS:
		paths = field;
		for (size_t i = 0; i < paths->n; i++)
			free(paths->items[i]);
		free(paths->items);
		free(paths->places);
		*paths = (struct path_list){ 0 };
		break;
	case SETTING_ADDRESS:
		addresses = field;
		free(addresses->items);
		*addresses = (struct address_list){ 0 };
		break;
	case SETTING_NETWORKS:
		networks_clear(field);
		break;
	case SETTING_COMMAND:
		command_line_clear(field);
		break;
	default:
		break;
	}
}
