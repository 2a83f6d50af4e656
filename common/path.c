/* SPDX-License-Identifier: ISC */
/*
 * Paths that are relative to the file that has them. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "common/path.h"

/* Length of BASE without its last folder. */
static size_t
parent_length(const char *base, size_t len)
{
	while (len > 0 && base[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

size_t
path_join(const char *base, const char *path, char *buf, size_t size)
{
	if (base == NULL || *path == '/')
		return (size_t)snprintf(buf, size, "%s", path);
	size_t len = strlen(base);
	if (len > 0 && base[len - 1] == '/')
		len--;
	for (;;) {
		if (strncmp(path, "./", 2) == 0)
			path += 2;
		else if (strncmp(path, "../", 3) == 0) {
			path += 3;
			len = parent_length(base, len);
		} else
			break;
	}
	return (size_t)snprintf(buf, size, "%.*s/%s", (int)len, base, path);
}
