/* SPDX-License-Identifier: ISC */
/*
 * inih, one line at a time: the one file that includes <ini.h>. It hides how
 * the library was built: whether its options are variables (Debian) or were
 * compiled in, and whether it counts lines. Used while a configuration is
 * read.
 */
#include <ini.h>
#include <string.h>

#include "common/ini_line.h"

#define LIBRARY_LINE_MAX 198 /* of a library with its own defaults */

struct found {
	bool any;
	struct ini_pair *pair;
};

static int
on_value(void *arg, const char *section, const char *key, const char *value)
{
	struct found *found = arg;

	(void)section;
	found->any = true;
	strlcpy(found->pair->key, key, sizeof(found->pair->key));
	strlcpy(found->pair->value, value == NULL ? "" : value,
	    sizeof(found->pair->value));
	return 1;
}

/* inih hands its caller's line to us once; the number it may add is ignored
 * by taking four arguments, which every ABI that we build for allows. */
struct one_line {
	const char *text;
};

static char *
give_line(char *buf, int size, void *arg)
{
	struct one_line *line = arg;

	if (line->text == NULL || size < 1)
		return NULL;
	size_t len = strlcpy(buf, line->text, (size_t)size);
	if (len < (size_t)size)
		line->text = NULL;
	else
		line->text += size - 1;
	return buf;
}

bool
ini_line_parse(const char *line, struct ini_pair *pair)
{
	struct one_line one = { .text = line };
	struct found found = { .pair = pair };

	memset(pair, 0, sizeof(*pair));
	int rc =
	    ini_parse_stream(give_line, &one, (ini_handler)on_value, &found);
	return rc == 0 && found.any;
}

/* Where the library has them as variables, set; where not, these are none. */
extern int ini_max_line __attribute__((weak));
extern _Bool ini_use_stack __attribute__((weak));
extern _Bool ini_allow_realloc __attribute__((weak));
extern _Bool ini_allow_inline_comments __attribute__((weak));
extern _Bool ini_allow_multiline __attribute__((weak));

static void
set_library_options(void)
{
	if (&ini_max_line != NULL)
		ini_max_line = INI_LINE_MAX * 2;
	if (&ini_use_stack != NULL)
		ini_use_stack = false;
	if (&ini_allow_realloc != NULL)
		ini_allow_realloc = true;
	/* Comments have been taken off before. */
	if (&ini_allow_inline_comments != NULL)
		ini_allow_inline_comments = false;
	if (&ini_allow_multiline != NULL)
		ini_allow_multiline = false;
}

/* The options of Debian's library are variables; others are compiled in, and
 * those cut a long line in silence. So it is tried. */
size_t
ini_line_max(void)
{
	char line[INI_LINE_MAX];
	struct ini_pair pair;

	memset(line, 'x', sizeof(line));
	memcpy(line, "key=", 4);
	line[sizeof(line) - 1] = '\0';
	set_library_options();
	bool whole = ini_line_parse(line, &pair) &&
	    strlen(pair.value) == sizeof(line) - 5;
	return whole ? INI_LINE_MAX - 1 : LIBRARY_LINE_MAX;
}
