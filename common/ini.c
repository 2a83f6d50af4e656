/* SPDX-License-Identifier: ISC */
/*
 * Reading INI files. inih splits a line into key and value; everything that it
 * lets pass in silence is caught here, before: the file is read whole and
 * looked at line by line, and each line that survives is handed to inih by
 * itself (ini_line.c). So line numbers are ours, whatever options the library
 * was built with, and no line can leak into the next. Used by the supervisor
 * and by `preforkd -t`.
 */
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ini.h"
#include "common/ini_line.h"
#include "common/log.h"

/* A file being read, and those that included it. */
struct source {
	const struct source *parent;
	const char *path;
	dev_t device;
	ino_t inode;
	struct timespec changed; /* when it was opened */
	off_t size;
	int line;
	int depth;
};

struct reading {
	const struct ini_reader *reader;
	struct errors *errors;
	bool good;
	size_t line_max; /* bytes that the library takes, see below */
	struct place {
		bool any;     /* there was a section */
		bool unknown; /* whose name could not be read */
		char section[INI_NAME_MAX + 1];
	} place;
};

static void read_file(
    struct reading *reading, const struct source *parent, const char *path);

static void complain(struct reading *reading, const struct source *source,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
complain(struct reading *reading, const struct source *source,
    const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	errors_add(reading->errors, source->path, source->line, "%s", text);
	reading->good = false;
}

static bool
blank_or_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '\0' || *line == '#' || *line == ';';
}

/* The comment that inih would strip: white space and a semicolon. */
static void
strip_comment(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if (*p == ';' && p > line && (p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			break;
		}
	}
	size_t len = strlen(line);
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		line[--len] = '\0';
}

static const char *
printable(const char *text, char *buf, size_t size)
{
	return log_escape(buf, size, text, strlen(text));
}

/* The name of the section in LINE, cut out of it, after complaints; what is
 * wrong with a heading is no reason to blame the lines that follow. */
static char *
section_name(struct reading *reading, const struct source *source, char *line)
{
	char *name = line + 1, *end = strchr(name, ']');
	char quote[128];

	if (end == NULL)
		complain(reading, source,
		    "\"%s\" has no ]; a section is [name]",
		    printable(line, quote, sizeof(quote)));
	else if (end[1] != '\0')
		complain(reading, source,
		    "\"%s\" stands behind the section; nothing may",
		    printable(end + 1 + strspn(end + 1, " \t"), quote,
			sizeof(quote)));
	if (end != NULL)
		*end = '\0';
	return name;
}

static void
take_section(struct reading *reading, const struct source *source, char *line)
{
	const char *name = section_name(reading, source, line);
	struct place *place = &reading->place;

	place->any = true;
	place->unknown = true;
	if (*name == '\0')
		complain(reading, source, "the section has no name");
	else if (strlen(name) > INI_NAME_MAX)
		complain(reading, source,
		    "the name of the section has more than %d bytes",
		    INI_NAME_MAX);
	else {
		place->unknown = false;
		strlcpy(place->section, name, sizeof(place->section));
		reading->reader->section(reading->reader->arg, source->path,
		    source->line, place->section);
	}
}

static bool
has_wildcard(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static void
folder_of(const char *path, char *folder, size_t size)
{
	const char *slash = strrchr(path, '/');

	snprintf(folder, size, "%.*s", slash == NULL ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
}

/* A folder's name is meant as it is, whatever it has in it. */
static void
quote_for_glob(const char *text, char *quoted, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 3 < size; text++) {
		if (strchr("*?[]\\", *text) != NULL)
			quoted[n++] = '\\';
		quoted[n++] = *text;
	}
	quoted[n] = '\0';
}

/* What has kept glob(3) from looking into a folder; it has no argument. */
static int glob_error;

/* A folder that is not there has no files; one that cannot be read may have
 * some, and to take it for empty would end their services. */
static int
on_glob_error(const char *path, int error)
{
	(void)path;
	if (error == ENOENT || error == ENOTDIR)
		return 0;
	glob_error = error;
	return 1;
}

static void
include_pattern(struct reading *reading, const struct source *source,
    const char *folder, const char *pattern)
{
	char quoted[PATH_MAX * 2], whole[PATH_MAX * 4];
	glob_t found = { 0 };

	quote_for_glob(folder, quoted, sizeof(quoted));
	if (*pattern == '/')
		strlcpy(whole, pattern, sizeof(whole));
	else
		snprintf(whole, sizeof(whole), "%s/%s", quoted, pattern);
	/* Sorted by glob(3). */
	int rc = glob(whole, 0, on_glob_error, &found);
	if (rc != 0 && rc != GLOB_NOMATCH)
		complain(reading, source, "cannot look for \"%s\": %s", pattern,
		    strerror(rc == GLOB_ABORTED ? glob_error : ENOMEM));
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		read_file(reading, source, found.gl_pathv[i]);
	globfree(&found);
}

static void
include(
    struct reading *reading, const struct source *source, const char *pattern)
{
	char folder[PATH_MAX], whole[PATH_MAX * 2];

	if (*pattern == '\0') {
		complain(reading, source,
		    "include needs the name of a file or a pattern");
		return;
	}
	folder_of(source->path, folder, sizeof(folder));
	if (has_wildcard(pattern)) {
		include_pattern(reading, source, folder, pattern);
		return;
	}
	if (*pattern == '/')
		strlcpy(whole, pattern, sizeof(whole));
	else
		snprintf(whole, sizeof(whole), "%s/%s", folder, pattern);
	read_file(reading, source, whole);
}

static void
take_value(struct reading *reading, const struct source *source,
    const struct ini_pair *parsed)
{
	struct place *place = &reading->place;

	if (strcmp(parsed->key, "include") == 0) {
		/* What an included file opens ends with it. */
		const struct place saved = *place;
		include(reading, source, parsed->value);
		*place = saved;
		return;
	}
	if (!place->any) {
		char quote[128];
		complain(reading, source,
		    "\"%s\" stands before the first section",
		    printable(parsed->key, quote, sizeof(quote)));
		return;
	}
	if (!place->unknown)
		reading->reader->value(reading->reader->arg, source->path,
		    source->line, place->section, parsed->key, parsed->value);
}

/* What inih would accept and change in silence. */
static bool
check_pair(
    struct reading *reading, const struct source *source, const char *line)
{
	size_t key = strcspn(line, "=:");
	char quote[128];

	if (line[key] == '\0') {
		complain(reading, source,
		    "\"%s\" has no =; a setting is written name = value",
		    printable(line, quote, sizeof(quote)));
		return false;
	}
	if (line[key] == ':') {
		complain(reading, source,
		    "\"%s\" has a : where the = is expected; a setting is "
		    "written name = value",
		    printable(line, quote, sizeof(quote)));
		return false;
	}
	while (key > 0 && (line[key - 1] == ' ' || line[key - 1] == '\t'))
		key--;
	if (key == 0) {
		complain(reading, source, "there is no name before the =");
		return false;
	}
	if (key > INI_NAME_MAX) {
		complain(reading, source,
		    "the name of the setting has more than %d bytes",
		    INI_NAME_MAX);
		return false;
	}
	return true;
}

static void
take_pair(
    struct reading *reading, const struct source *source, const char *line)
{
	struct ini_pair parsed;

	if (!check_pair(reading, source, line))
		return;
	if (!ini_line_parse(line, &parsed)) {
		complain(reading, source,
		    "the line cannot be read; a setting is written "
		    "name = value");
		return;
	}
	take_value(reading, source, &parsed);
}

static void
take_line(struct reading *reading, const struct source *source, char *line)
{
	if (strchr(line, '\r') != NULL) {
		complain(reading, source,
		    "there is a carriage return in the line; lines end with "
		    "a newline");
		return;
	}
	if (blank_or_comment(line))
		return;
	if (*line == ' ' || *line == '\t') {
		complain(reading, source,
		    "the line is indented; values are not continued, each "
		    "setting begins at the left");
		return;
	}
	strip_comment(line);
	if (*line == '[')
		take_section(reading, source, line);
	else
		take_pair(reading, source, line);
}

/* A byte order mark, as some editors leave it. */
static bool
has_mark(const char *text, size_t size)
{
	return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
}

static void
take_lines(
    struct reading *reading, struct source *source, char *text, size_t size)
{
	char *end = text + size;

	if (has_mark(text, size))
		text += 3;
	while (text < end && !errors_full(reading->errors)) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *next = newline == NULL ? end : newline + 1;
		size_t len = (size_t)((newline == NULL ? end : newline) - text);
		source->line++;
		if (len > 0 && newline != NULL && text[len - 1] == '\r')
			len--;
		if (memchr(text, '\0', len) != NULL)
			complain(
			    reading, source, "there is a NUL byte in the line");
		else if (has_mark(text, len))
			/* inih would skip it in any line that we hand it. */
			complain(reading, source,
			    "there is a byte order mark in the line; only a "
			    "file may begin with one");
		else if (len > reading->line_max)
			complain(reading, source,
			    "the line has %zu bytes, at most %zu are allowed",
			    len, reading->line_max);
		else {
			text[len] = '\0';
			take_line(reading, source, text);
		}
		text = next;
	}
}

static bool
in_circle(const struct source *source, const struct stat *st)
{
	for (; source != NULL; source = source->parent) {
		if (source->device == st->st_dev && source->inode == st->st_ino)
			return true;
	}
	return false;
}

/* About a file as a whole: told where it is included. */
static void
refuse(struct reading *reading, const struct source *source, const char *why)
{
	if (source->parent != NULL)
		complain(reading, source->parent, "cannot include \"%s\": %s",
		    source->path, why);
	else
		complain(reading, source, "cannot be read: %s", why);
}

/* The whole file, with a byte to spare; NULL after a complaint. */
static char *
slurp(
    struct reading *reading, const struct source *source, int fd, size_t *size)
{
	char *text = malloc(INI_FILE_MAX + 1);
	const char *why = text == NULL ? "out of memory" : NULL;
	ssize_t n = 1;

	*size = 0;
	while (why == NULL && n != 0 && *size < INI_FILE_MAX) {
		n = read(fd, text + *size, INI_FILE_MAX - *size);
		if (n > 0)
			*size += (size_t)n;
		else if (n == -1 && errno != EINTR)
			why = strerror(errno);
	}
	/* It has grown while it was read. */
	if (*size == INI_FILE_MAX)
		why = "the file is too large";
	if (why == NULL)
		return text;
	refuse(reading, source, why);
	free(text);
	return NULL;
}

/* The file behind FD may be read: regular, not too large, not being read. */
static bool
check_file(struct reading *reading, struct source *source, int fd)
{
	struct stat st;
	char why[128];

	if (fstat(fd, &st) == -1)
		snprintf(why, sizeof(why), "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, sizeof(why), "it is not a regular file");
	else if (st.st_size >= INI_FILE_MAX)
		snprintf(why, sizeof(why),
		    "the file has %lld bytes, less than %d are allowed",
		    (long long)st.st_size, INI_FILE_MAX);
	else if (in_circle(source->parent, &st))
		snprintf(why, sizeof(why), "the file would include itself");
	else {
		source->device = st.st_dev;
		source->inode = st.st_ino;
		source->changed = st.st_mtim;
		source->size = st.st_size;
		if (reading->reader->opened != NULL)
			reading->reader->opened(
			    reading->reader->arg, source->path, &st);
		return true;
	}
	refuse(reading, source, why);
	return false;
}

/* Somebody who writes to it meanwhile has perhaps not come to its end. */
static bool
check_unchanged(struct reading *reading, const struct source *source, int fd)
{
	struct stat st;
	const char *why = "it has changed while it was read";

	if (fstat(fd, &st) == -1)
		why = strerror(errno);
	else if (st.st_size == source->size &&
	    st.st_mtim.tv_sec == source->changed.tv_sec &&
	    st.st_mtim.tv_nsec == source->changed.tv_nsec)
		return true;
	refuse(reading, source, why);
	return false;
}

static void
read_file(
    struct reading *reading, const struct source *parent, const char *path)
{
	struct source source = { .parent = parent,
		.path = path,
		.depth = parent == NULL ? 0 : parent->depth + 1 };
	size_t size = 0;

	if (source.depth > INI_INCLUDE_DEPTH_MAX) {
		complain(reading, parent,
		    "more than %d files include one another",
		    INI_INCLUDE_DEPTH_MAX);
		return;
	}
	/* O_NONBLOCK: a FIFO must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1) {
		refuse(reading, &source, strerror(errno));
		return;
	}
	char *text = NULL;
	if (check_file(reading, &source, fd))
		text = slurp(reading, &source, fd, &size);
	bool whole = text != NULL && check_unchanged(reading, &source, fd);
	close(fd);
	if (whole)
		take_lines(reading, &source, text, size);
	free(text);
}

bool
ini_read(
    const char *path, const struct ini_reader *reader, struct errors *errors)
{
	struct reading reading = {
		.reader = reader, .errors = errors, .good = true
	};

	reading.line_max = ini_line_max();
	read_file(&reading, NULL, path);
	return reading.good;
}
