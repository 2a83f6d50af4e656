/* SPDX-License-Identifier: ISC */
/* Line ends as text protocols want them. */
#include "clients/preforkcat_crlf.h"

size_t
crlf_copy(char *dst, const char *src, size_t len, bool *after_cr)
{
	char *end = dst;

	for (size_t i = 0; i < len; i++) {
		if (src[i] == '\n' && !*after_cr)
			*end++ = '\r';
		*end++ = src[i];
		*after_cr = src[i] == '\r';
	}
	return (size_t)(end - dst);
}
