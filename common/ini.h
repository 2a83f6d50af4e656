/* SPDX-License-Identifier: ISC */
#ifndef COMMON_INI_H
#define COMMON_INI_H

#include <sys/stat.h>

#include <stdbool.h>

#include "common/errors.h"

#define INI_FILE_MAX	      (1024 * 1024) /* bytes; larger is an error */
#define INI_LINE_MAX	      4096	    /* bytes; as long is an error */
#define INI_NAME_MAX	      48 /* of sections and keys: inih cuts at 49 */
#define INI_INCLUDE_DEPTH_MAX 8

/* What a reader gets to hear, in the order of the file. FILE stays valid for
 * the whole call only. Empty sections are told too. OPENED, which may be NULL,
 * hears of each file that is read, with what it was when it was opened. */
struct ini_reader {
	void (*opened)(void *arg, const char *file, const struct stat *st);
	void (*section)(
	    void *arg, const char *file, int line, const char *name);
	void (*value)(void *arg, const char *file, int line,
	    const char *section, const char *key, const char *value);
	void *arg;
};

/*
 * Reads the regular file PATH and what it includes (`include = glob` before
 * the first section or in any; a relative glob is taken from the folder of the
 * file that has it; files in sorted order; a glob that matches nothing is
 * allowed, a name without wildcard that does not exist is not; a circle or
 * more than INI_INCLUDE_DEPTH_MAX levels are errors). Every trap of inih
 * (NUL, bare CR, too long lines and names, indented lines, junk after a
 * section, a key before any section, no '=', an empty key, directories) is an
 * error in ERRORS with file and line. Each file is read whole before it is
 * parsed. Returns true when it added no error. Blocks on the file only.
 */
bool ini_read(
    const char *path, const struct ini_reader *reader, struct errors *errors);

#endif
