/* SPDX-License-Identifier: ISC */
/*
 * Whatever stands in a configuration: it is read, or every reason is told; and
 * one that was read is printed as a file that reads back to the same.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/ini.h"
#include "worker/worker.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/preforkd-fuzz-XXXXXX";

static const char *
in_folder(const char *name)
{
	static char paths[2][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void
write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(in_folder(name), "w");

	if (file == NULL || fwrite(data, 1, size, file) != size ||
	    fclose(file) != 0)
		abort();
}

static void
clean_up(void)
{
	unlink(in_folder("main.ini"));
	unlink(in_folder("part.ini"));
	unlink(in_folder("printed.ini"));
	rmdir(folder);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char part[] = "[pool part]\nworkers = 2\n";

	(void)argc;
	(void)argv;
	if (mkdtemp(folder) == NULL)
		abort();
	atexit(clean_up);
	write_file("part.ini", part, sizeof(part) - 1);
	return 0;
}

/* No file but those of the folder is included. */
static int
leaves_folder(const uint8_t *data, size_t size)
{
	static const char word[] = "include";
	const uint8_t *end = data + size;
	const uint8_t *at = data;

	while (
	    (at = memmem(at, (size_t)(end - at), word, strlen(word))) != NULL) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline == NULL ? end : newline) - at);
		if (memchr(at, '/', len) != NULL)
			return 1;
		at += strlen(word);
	}
	return 0;
}

/* A path can become too long by its folder. */
static int
has_long_line(const char *text)
{
	for (; *text != '\0'; text += text[0] == '\n') {
		size_t len = strcspn(text, "\n");
		if (len >= INI_LINE_MAX)
			return 1;
		text += len;
	}
	return 0;
}

static void
read_back(const struct config *config)
{
	struct config_changes changes;
	struct errors errors;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	config_print(config, out);
	fclose(out);
	if (has_long_line(text)) {
		free(text);
		return;
	}
	write_file("printed.ini", text, size);
	errors_init(&errors);
	struct config *again =
	    config_load(in_folder("printed.ini"), worker_handlers(), &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.messages[i]);
	if (again == NULL || !config_compare(config, again, &changes) ||
	    changes.n > 0) {
		fwrite(text, 1, size, stderr);
		abort();
	}
	config_changes_clear(&changes);
	config_unref(again);
	errors_clear(&errors);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errors errors;

	if (leaves_folder(data, size))
		return 0;
	write_file("main.ini", data, size);
	errors_init(&errors);
	struct config *config =
	    config_load(in_folder("main.ini"), worker_handlers(), &errors);
	if ((config == NULL) == errors_none(&errors))
		abort();
	if (config != NULL)
		read_back(config);
	config_unref(config);
	errors_clear(&errors);
	return 0;
}
