/* SPDX-License-Identifier: ISC */
/*
 * Names of ICMP messages: those that a server's packets run into, and what an
 * interface is never free of. The registries of IANA have the rest.
 */
#include <stddef.h>

#include "clients/preforksniff_icmp.h"

#define ANY -1 /* whatever the code is */

static const struct row {
	uint8_t type;
	int code;
	const char *name;
} rows_v4[] = {
	{ 0, ANY, "echo reply" },
	{ 3, 0, "network unreachable" },
	{ 3, 1, "host unreachable" },
	{ 3, 2, "protocol unreachable" },
	{ 3, 3, "port unreachable" },
	{ 3, 4, "fragmentation needed" },
	{ 3, 9, "network prohibited" },
	{ 3, 10, "host prohibited" },
	{ 3, 13, "communication prohibited" },
	{ 3, ANY, "unreachable" },
	{ 5, ANY, "redirect" },
	{ 8, ANY, "echo request" },
	{ 11, ANY, "time exceeded" },
	{ 12, ANY, "parameter problem" },
	{ 0, 0, NULL },
}, rows_v6[] = {
	{ 1, 0, "no route" },
	{ 1, 1, "communication prohibited" },
	{ 1, 3, "address unreachable" },
	{ 1, 4, "port unreachable" },
	{ 1, ANY, "unreachable" },
	{ 2, ANY, "packet too big" },
	{ 3, ANY, "time exceeded" },
	{ 4, ANY, "parameter problem" },
	{ 128, ANY, "echo request" },
	{ 129, ANY, "echo reply" },
	{ 130, ANY, "multicast query" },
	{ 131, ANY, "multicast report" },
	{ 133, ANY, "router solicitation" },
	{ 134, ANY, "router advertisement" },
	{ 135, ANY, "neighbour solicitation" },
	{ 136, ANY, "neighbour advertisement" },
	{ 137, ANY, "redirect" },
	{ 143, ANY, "multicast report" },
	{ 0, 0, NULL },
};

const char *
icmp_name(bool v6, uint8_t type, uint8_t code)
{
	const struct row *row = v6 ? rows_v6 : rows_v4;

	for (; row->name != NULL; row++) {
		if (row->type == type &&
		    (row->code == ANY || row->code == code))
			return row->name;
	}
	return NULL;
}
