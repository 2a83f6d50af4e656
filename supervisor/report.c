/* SPDX-License-Identifier: ISC */
/*
 * Rendering answers of the control socket as text or JSON. Pure. Strings that
 * came from outside must be printable already.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/report.h"

#define CELL_MAX 512 /* bytes of one value as text */

enum unit { UNIT_NONE = 0, UNIT_MS, UNIT_SECONDS, UNIT_BYTES };

static const struct {
	const char *suffix;
	enum unit unit;
} suffixes[] = {
	{ "_ms", UNIT_MS },
	{ "_seconds", UNIT_SECONDS },
	{ "_bytes", UNIT_BYTES },
};

/* The unit that the name KEY tells, and how much of the name is left. */
static enum unit
unit_of(const char *key, size_t *len)
{
	*len = strlen(key);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i].suffix);
		if (*len <= n ||
		    strcmp(key + *len - n, suffixes[i].suffix) != 0)
			continue;
		*len -= n;
		return suffixes[i].unit;
	}
	return strncmp(key, "bytes_", 6) == 0 ? UNIT_BYTES : UNIT_NONE;
}

void
report_bytes(int64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	const char *unit = units;

	if (bytes < 1024) {
		snprintf(buf, size, "%lld", (long long)bytes);
		return;
	}
	/* 1023.99K would be printed as 1024K. */
	for (value /= 1024; value >= 1023.5 && unit[1] != '\0'; unit++)
		value /= 1024;
	snprintf(buf, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, *unit);
}

void
report_duration(int64_t ms, char *buf, size_t size)
{
	static const struct {
		long long seconds;
		char name, below;
	} units[] = { { 86400, 'd', 'h' }, { 3600, 'h', 'm' },
		{ 60, 'm', 's' } };
	static const long long parts[] = { 3600, 60, 1 };
	long long seconds = ms / 1000;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < units[i].seconds)
			continue;
		snprintf(buf, size, "%lld%c%02lld%c",
		    seconds / units[i].seconds, units[i].name,
		    seconds % units[i].seconds / parts[i], units[i].below);
		return;
	}
	if (ms > 0 && ms < 1000)
		snprintf(buf, size, "%lldms", (long long)ms);
	else
		snprintf(buf, size, "%llds", seconds);
}

static void
integer_text(const char *key, int64_t number, char *buf, size_t size)
{
	size_t len;
	enum unit unit = unit_of(key, &len);

	/* What cannot be: from a hostile counter. */
	if (number < 0)
		unit = UNIT_NONE;
	switch (unit) {
	case UNIT_MS:
		report_duration(number, buf, size);
		break;
	case UNIT_SECONDS:
		report_duration(
		    number > INT64_MAX / 1000 ? INT64_MAX : number * 1000, buf,
		    size);
		break;
	case UNIT_BYTES:
		report_bytes(number, buf, size);
		break;
	case UNIT_NONE:
		snprintf(buf, size, "%lld", (long long)number);
		break;
	}
}

static const char *
cell_text(const json_t *object, const char *key, char *buf, size_t size)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		integer_text(key, json_integer_value(value), buf, size);
	else if (json_is_real(value))
		snprintf(buf, size, "%.2f", json_real_value(value));
	else if (json_is_boolean(value))
		strlcpy(buf, json_is_true(value) ? "yes" : "no", size);
	else
		strlcpy(buf, "-", size);
	return buf;
}

static int
width_of_column(const json_t *rows, const char *key)
{
	size_t width, i;
	const json_t *row;
	char buf[CELL_MAX];

	unit_of(key, &width);
	json_array_foreach(rows, i, row)
	{
		size_t len = strlen(cell_text(row, key, buf, sizeof(buf)));
		if (len > width)
			width = len;
	}
	return (int)width;
}

/* Numbers stand to the right, also where some rows have none. */
static bool
is_number_column(const json_t *rows, const char *key)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (json_is_number(json_object_get(row, key)))
			return true;
	}
	return false;
}

static void
append_padded(
    struct buffer *out, const char *text, int width, bool right, bool last)
{
	if (last && !right)
		buffer_printf(out, "%s", text);
	else if (right)
		buffer_printf(out, "%*s", width, text);
	else
		buffer_printf(out, "%-*s", width, text);
	buffer_text(out, last ? "\n" : "  ");
}

static void
append_heading(
    struct buffer *out, const char *key, int width, bool right, bool last)
{
	char heading[64];
	size_t len, i = 0;

	unit_of(key, &len);
	for (; i < sizeof(heading) - 1 && i < len; i++)
		heading[i] = (char)toupper((unsigned char)key[i]);
	heading[i] = '\0';
	append_padded(out, heading, width, right, last);
}

struct column {
	int width;
	bool right;
};

static void
append_row(const json_t *row, json_t *first, const struct column *columns,
    struct buffer *out)
{
	size_t n = json_object_size(first), i = 0;
	char buf[CELL_MAX];
	const char *key;
	json_t *value;

	json_object_foreach(first, key, value)
	{
		append_padded(out, cell_text(row, key, buf, sizeof(buf)),
		    columns[i].width, columns[i].right, i + 1 == n);
		i++;
	}
}

/* Columns are written one row after the other; widths are found first. */
static void
table_text(const json_t *rows, struct buffer *out)
{
	json_t *first = json_array_get(rows, 0), *value;
	size_t n = json_object_size(first), i = 0;
	struct column *columns = calloc(n + 1, sizeof(*columns));
	const json_t *row;
	const char *key;

	if (columns == NULL) {
		out->failed = true;
		return;
	}
	json_object_foreach(first, key, value)
	{
		columns[i].width = width_of_column(rows, key);
		columns[i].right = is_number_column(rows, key);
		append_heading(
		    out, key, columns[i].width, columns[i].right, i + 1 == n);
		i++;
	}
	json_array_foreach(rows, i, row)
	{
		append_row(row, first, columns, out);
	}
	free(columns);
}

static size_t
widest_key(json_t *object)
{
	size_t widest = 0, len;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (json_is_array(value) || json_is_object(value))
			continue;
		unit_of(key, &len);
		widest = len > widest ? len : widest;
	}
	return widest;
}

static void
object_text(const json_t *root, struct buffer *out)
{
	json_t *object = json_incref((json_t *)(uintptr_t)root), *value;
	int width = (int)widest_key(object);
	const char *key;
	char buf[CELL_MAX];
	size_t len;

	json_object_foreach(object, key, value)
	{
		if (json_is_array(value) || json_is_object(value))
			continue;
		unit_of(key, &len);
		buffer_printf(out, "%-*.*s  %s\n", width, (int)len, key,
		    cell_text(object, key, buf, sizeof(buf)));
	}
	json_object_foreach(object, key, value)
	{
		if (!json_is_array(value) && !json_is_object(value))
			continue;
		if (json_array_size(value) == 0 && json_is_array(value))
			continue;
		buffer_printf(out, "\n%s\n", key);
		report_text(value, out);
	}
	json_decref(object);
}

void
report_text(const json_t *root, struct buffer *out)
{
	if (json_is_array(root) && json_array_size(root) > 0)
		table_text(root, out);
	else if (json_is_object(root))
		object_text(root, out);
}

json_t *
report_string(const char *text, size_t len)
{
	json_t *string = json_stringn(text, len);

	if (string != NULL)
		return string;
	/* One byte becomes four at most: \377. */
	char *escaped = malloc(4 * len + 1);
	if (escaped == NULL)
		return NULL;
	string = json_string(log_escape(escaped, 4 * len + 1, text, len));
	free(escaped);
	return string;
}

/* What cannot be appended, also to NULL, is freed by json_array_append_new().
 */
json_t *
report_add(json_t *rows, json_t *row)
{
	if (json_array_append_new(rows, row) == 0)
		return rows;
	json_decref(rows);
	return NULL;
}

json_t *
report_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int
append_dump(const char *data, size_t len, void *arg)
{
	buffer_append(arg, data, len);
	return 0;
}

void
report_json(const json_t *root, struct buffer *out)
{
	if (json_dump_callback(root, append_dump, out, JSON_INDENT(2)) == -1)
		out->failed = true;
	buffer_text(out, "\n");
}
