/* SPDX-License-Identifier: ISC */
/*
 * Names of protocols (RFC 7301), from a list that people write to the one that
 * a ClientHello carries. Knows nothing of OpenSSL.
 */
#include <stdio.h>
#include <string.h>

#include "clients/client_tls_alpn.h"

#define NAME_MAX_LEN 255 /* its length is one byte */

static const char blanks[] = " \t";

bool
client_tls_alpn(const char *text, unsigned char *wire, size_t *len, char *why,
    size_t why_size)
{
	size_t used = 0;

	for (;;) {
		text += strspn(text, blanks);
		size_t field = strcspn(text, ","), n = field;
		while (n > 0 && strchr(blanks, text[n - 1]) != NULL)
			n--;
		if (n == 0 || n > NAME_MAX_LEN) {
			snprintf(why, why_size,
			    "a name has 1 to %d bytes, and a comma is between "
			    "two",
			    NAME_MAX_LEN);
			return false;
		}
		if (used + 1 + n > CLIENT_TLS_ALPN_MAX) {
			snprintf(why, why_size, "it has more than %d bytes",
			    CLIENT_TLS_ALPN_MAX);
			return false;
		}
		wire[used++] = (unsigned char)n;
		memcpy(wire + used, text, n);
		used += n;
		if (text[field] == '\0')
			break;
		text += field + 1;
	}
	*len = used;
	return true;
}
