/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/*
 * A folder for the files of a test, and what the errors of reading them were.
 * Include after cmocka.h.
 */
#include <sys/stat.h>

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errors.h"

static char folder[PATH_MAX];

static inline int
folder_make(void **state)
{
	char name[] = "/tmp/preforkd-unit-XXXXXX";

	(void)state;
	return mkdtemp(name) == NULL || realpath(name, folder) == NULL ? -1 : 0;
}

static inline int
folder_remove_one(
    const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int
folder_remove(void **state)
{
	(void)state;
	return nftw(folder, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of NAME in the folder; valid until the eighth call after it. */
static inline const char *
in_folder(const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* Folders in NAME are made. */
static inline const char *
write_bytes(const char *name, const void *bytes, size_t len)
{
	const char *path = in_folder(name);
	char made[PATH_MAX + 256];

	for (const char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		snprintf(made, sizeof(made), "%.*s", (int)(slash - path), path);
		(void)!mkdir(made, 0755);
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return path;
}

static inline const char *
write_file(const char *name, const char *text)
{
	return write_bytes(name, text, strlen(text));
}

/* The messages, a line each, "@/" for the folder. */
static inline const char *
error_text(const struct errors *errors)
{
	static char text[65536];
	size_t len = strlen(folder), to = 0;

	assert_false(errors->lost);
	for (size_t i = 0; i < errors->n; i++) {
		const char *from = errors->messages[i];
		while (*from != '\0') {
			assert_true(to + 3 < sizeof(text));
			if (len > 0 && strncmp(from, folder, len) == 0) {
				text[to++] = '@';
				from += len;
			} else
				text[to++] = *from++;
		}
		text[to++] = '\n';
	}
	text[to] = '\0';
	return text;
}

#endif
