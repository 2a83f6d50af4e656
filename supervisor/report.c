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

#include "supervisor/report.h"

#define CELL_MAX 512 /* bytes of one value as text */

static const char *
cell_text(const json_t *value, char *buf, size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		snprintf(
		    buf, size, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(buf, size, "%.3f", json_real_value(value));
	else if (json_is_boolean(value))
		strlcpy(buf, json_is_true(value) ? "yes" : "no", size);
	else
		strlcpy(buf, "-", size);
	return buf;
}

static int
width_of_column(const json_t *rows, const char *key)
{
	size_t width = strlen(key), i;
	const json_t *row;
	char buf[CELL_MAX];

	json_array_foreach(rows, i, row)
	{
		size_t len = strlen(
		    cell_text(json_object_get(row, key), buf, sizeof(buf)));
		if (len > width)
			width = len;
	}
	return (int)width;
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
	size_t i = 0;

	for (; i < sizeof(heading) - 1 && key[i] != '\0'; i++)
		heading[i] = (char)toupper((unsigned char)key[i]);
	heading[i] = '\0';
	append_padded(out, heading, width, right, last);
}

/* Columns are written one row after the other; widths are found first. */
static void
table_text(const json_t *rows, struct buffer *out)
{
	json_t *first = json_array_get(rows, 0), *value;
	size_t n = json_object_size(first), column = 0, i;
	int *widths = calloc(n + 1, sizeof(*widths));
	const json_t *row;
	const char *key;
	char buf[CELL_MAX];

	if (widths == NULL) {
		out->failed = true;
		return;
	}
	json_object_foreach(first, key, value)
	{
		widths[column] = width_of_column(rows, key);
		append_heading(out, key, widths[column], json_is_number(value),
		    column + 1 == n);
		column++;
	}
	json_array_foreach(rows, i, row)
	{
		column = 0;
		json_object_foreach(first, key, value)
		{
			const char *text = cell_text(
			    json_object_get(row, key), buf, sizeof(buf));
			append_padded(out, text, widths[column],
			    json_is_number(value), column + 1 == n);
			column++;
		}
	}
	free(widths);
}

static size_t
widest_key(json_t *object)
{
	size_t widest = 0;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!json_is_array(value) && !json_is_object(value) &&
		    strlen(key) > widest)
			widest = strlen(key);
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

	json_object_foreach(object, key, value)
	{
		if (json_is_array(value) || json_is_object(value))
			continue;
		buffer_printf(out, "%-*s  %s\n", width, key,
		    cell_text(value, buf, sizeof(buf)));
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
