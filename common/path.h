/* SPDX-License-Identifier: ISC */
#ifndef COMMON_PATH_H
#define COMMON_PATH_H

#include <stddef.h>

/*
 * PATH as seen from the folder BASE, in BUF: PATH itself when it is absolute
 * or BASE is NULL. "./" and "../" at its beginning are taken off BASE, which
 * must have no links in it for that (realpath(3)). Pure. Returns the length,
 * which may be more than SIZE holds, as snprintf(3) does.
 */
size_t path_join(const char *base, const char *path, char *buf, size_t size);

#endif
